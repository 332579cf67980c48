import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { moneyMax, parseAmount, toSafeNumber } from './money.ts';

test('the largest amount is the largest integer that every JSON client reads exactly', () => {
  expect(moneyMax).toBe(BigInt(Number.MAX_SAFE_INTEGER));
});

test('an amount from 1 to the largest is taken as it is', () => {
  expect(parseAmount(1n)).toBe(1n);
  expect(parseAmount(moneyMax)).toBe(moneyMax);
  fc.assert(fc.property(fc.bigInt({ min: 1n, max: moneyMax }), (amount) => expect(parseAmount(amount)).toBe(amount)));
});

test.each([0n, -1n, moneyMax + 1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n])(
  'an amount of %s is refused and the field named',
  (amount) => {
    expect(() => parseAmount(amount)).toThrow(
      expect.objectContaining({ code: 'INVALID_FIELD', details: { field: 'amount' } }),
    );
    expect(() => parseAmount(amount, 'data.amount')).toThrow(
      'data.amount must be an integer from 1 to 9007199254740991',
    );
  },
);

test('money becomes a number and back without loss', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: moneyMax }), (money) => expect(BigInt(toSafeNumber(money))).toBe(money)),
  );
  expect(toSafeNumber(0n)).toBe(0);
  expect(toSafeNumber(moneyMax)).toBe(9_007_199_254_740_991);
});

test.each([-1n, moneyMax + 1n, 2n ** 64n])('money of %s never becomes a number', (money) => {
  expect(() => toSafeNumber(money)).toThrow(RangeError);
});
