import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { errorKind, sqlStateOf, type ErrorKind } from './sql-state.ts';

const alphabet = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
const letter = fc.constantFrom(...alphabet);
// A class of PostgreSQL's or of anyone's: the standard keeps 0 to 4 and A to H, PostgreSQL has F, H, P and X, too.
const sqlState = fc
  .tuple(fc.constantFrom(...'0123456789FHPX'), letter, letter, letter, letter)
  .map((characters) => characters.join(''));

// As RELIABILITY's table says it, and not as the code does: what passes by itself, what is this record's fault, what is ours.
const passing = ['08', '28', '40', '53', '55', '57', '58'];
const expectedKind = (code: string): ErrorKind => {
  if (code.startsWith('22') || code.startsWith('23')) return 'data';
  if (passing.some((sqlClass) => code.startsWith(sqlClass)) || code === '25006' || code === '25P03') return 'transient';
  return 'other';
};

const wrap = (error: unknown, depth: number): unknown =>
  depth === 0 ? error : new Error('wrapped', { cause: wrap(error, depth - 1) });

describe('the kind of an error', () => {
  test('is decided by the class of its SQLSTATE alone, however deep a driver wrapped it', () => {
    fc.assert(
      fc.property(sqlState, fc.integer({ min: 0, max: 4 }), fc.string(), (code, depth, message) => {
        const error = wrap(Object.assign(new Error(message), { code }), depth);
        expect(sqlStateOf(error)).toBe(code);
        expect(errorKind(error)).toBe(expectedKind(code));
      }),
      { numRuns: 20_000 },
    );
  });

  test('is the same for all 1,296 classes, whatever their subclass', () => {
    for (const first of alphabet)
      for (const second of alphabet)
        for (const rest of ['000', '001', 'P01', 'ZZZ']) {
          const code = `${first}${second}${rest}`;
          if (/^[0-9FHPX]/.test(code)) expect([code, errorKind({ code })]).toEqual([code, expectedKind(code)]);
          else expect([code, sqlStateOf({ code })]).toEqual([code, undefined]);
        }
  });

  test('is told for whatever may be thrown, and a stranger is never taken for one that passes', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        const kind = errorKind(thrown);
        const told = JSON.stringify(Object(thrown), (_key, value: unknown) =>
          typeof value === 'bigint' ? String(value) : value,
        );
        if (!/"(code|cause|errors|message)"/.test(told ?? '')) expect(kind).toBe('other');
      }),
      { numRuns: 5_000 },
    );
  });
});
