import { expect, test } from '@jest/globals';
import { isWhole, median, quickEffort, valueOf, wholeEffort, type Goal } from './measure.ts';

const goal: Goal = { id: 'P0', what: '', floor: 'F', ours: 'ours', unit: '', must: 1, aim: 2 };

test('a goal is ours by the floor of the same pair, or ours alone where it has none', () => {
  expect(valueOf(goal, { F: 200, ours: 100 })).toBe(0.5);
  expect(valueOf({ ...goal, floor: undefined }, { F: 200, ours: 100 })).toBe(100);
});

test('a reading that is missing is not taken for zero', () => {
  expect(valueOf(goal, { ours: 100 })).toBeNaN();
});

test('the median is the middle, or the mean of the middle two', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 9, 2])).toBe(3);
});

test('whatever is reduced makes a run a part of a whole, and more does not', () => {
  expect(isWhole(wholeEffort, wholeEffort)).toBe(true);
  expect(isWhole({ ...wholeEffort, seconds: 20 }, wholeEffort)).toBe(true);
  for (const part of ['pairs', 'seconds', 'orders', 'backlog'] as const)
    expect(isWhole({ ...wholeEffort, [part]: 1 }, wholeEffort)).toBe(false);
  expect(isWhole(quickEffort, wholeEffort)).toBe(false);
});
