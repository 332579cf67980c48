import { expect, test } from '@jest/globals';
import { rateOf } from './progress.ts';

test('a rate is of what was done after the first tenth', () => {
  const marks = [
    { ms: 0, done: 0 },
    { ms: 5_000, done: 100 },
    { ms: 6_000, done: 600 },
    { ms: 7_000, done: 1_000 },
  ];
  expect(rateOf(marks, 1_000)).toBe(450);
});

test('what was done at one look has no rate', () => {
  expect(rateOf([{ ms: 3, done: 1_000 }], 1_000)).toBeNaN();
  expect(rateOf([], 1_000)).toBeNaN();
});
