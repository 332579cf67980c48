import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { v5, validate, version } from 'uuid';
import { newUuid, uuidFromName } from './uuid.ts';

describe('UUIDs', () => {
  test('a name gives what the library gives', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.string({ unit: 'grapheme', maxLength: 80 }), (namespace, name) => {
        expect(uuidFromName(Buffer.from(namespace.replaceAll('-', ''), 'hex'), name)).toBe(v5(name, namespace));
      }),
      { numRuns: 2_000 },
    );
  });

  test('new ones are of version 7, differ, and grow', () => {
    const ids = Array.from({ length: 10_000 }, newUuid);
    expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
  });
});
