import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseDescription, parseIdempotencyKey } from './text.ts';

describe('a description', () => {
  test('of well-formed text without NUL is taken unchanged', () => {
    const text = fc.string({ unit: 'binary', maxLength: 500 }).filter((value) => !value.includes('\0'));
    fc.assert(fc.property(text, (value) => expect(parseDescription(value)).toBe(value)));
    expect(parseDescription('')).toBe('');
  });

  test('has at most 500 characters, a character outside the BMP being one', () => {
    for (const character of ['a', 'é', '📚']) {
      expect(parseDescription(character.repeat(500))).toBe(character.repeat(500));
      expect(() => parseDescription(character.repeat(501))).toThrow('description must have at most 500 characters');
    }
  });

  test.each(['\0', 'a\0b', '\ud83d', 'a\udcdab', '\udcda\ud83d'])(
    'of %j is refused, because no database holds it',
    (value) => {
      expect(() => parseDescription(value, 'data.description')).toThrow(
        expect.objectContaining({ code: 'INVALID_FIELD', details: { field: 'data.description' } }),
      );
    },
  );
});

describe('an idempotency key', () => {
  test('of 1 to 255 printable ASCII characters is taken unchanged', () => {
    const key = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 255 });
    fc.assert(fc.property(key, (value) => expect(parseIdempotencyKey(value)).toBe(value)));
  });

  test('may be absent', () => {
    expect(parseIdempotencyKey(undefined)).toBeUndefined();
  });

  test.each(['', 'k'.repeat(256), 'schlüssel', 'a\tb', 'a\n', 'a\u007f', '\0', '🔑'])('of %j is refused', (value) => {
    expect(() => parseIdempotencyKey(value)).toThrow(expect.objectContaining({ code: 'INVALID_IDEMPOTENCY_KEY' }));
  });
});
