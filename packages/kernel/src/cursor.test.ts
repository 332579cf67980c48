import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeCursor, encodeCursor } from './cursor.ts';

// A position is an id or a number in text form.
const position = fc.oneof(fc.uuid(), fc.string({ unit: 'grapheme-ascii', maxLength: 100 }));
const refused = expect.objectContaining({ code: 'INVALID_CURSOR', details: { field: 'cursor' } });

describe('a cursor', () => {
  test('gives back the position it was made of, and is safe in a URL', () => {
    fc.assert(
      fc.property(fc.string(), position, (list, at) => {
        const cursor = encodeCursor(list, at);
        expect(cursor).toMatch(/^[\w-]+$/);
        expect(decodeCursor(list, cursor)).toBe(at);
      }),
    );
  });

  test('of another list is refused, also where only the filter differs', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), position, (list, other, at) => {
        fc.pre(list !== other);
        expect(() => decodeCursor(other, encodeCursor(list, at))).toThrow(refused);
      }),
    );
    const cursor = encodeCursor('orders:u1:FINISHED', 'x');
    expect(() => decodeCursor('orders:u1:', cursor)).toThrow(refused);
  });

  test('that nobody made is refused', () => {
    fc.assert(fc.property(fc.string(), (text) => expect(() => decodeCursor('list', text)).toThrow(refused)));
    const made = encodeCursor('list', 'position');
    for (const forged of [
      '',
      made.slice(1),
      `${made}=`,
      `${made} `,
      `A${made}`,
      made.toUpperCase(),
      Buffer.from('::').toString('base64url'),
    ])
      expect(() => decodeCursor('list', forged)).toThrow(refused);
  });
});
