import { expect, test } from '@jest/globals';
import { median, valueOf, type Goal } from './measure.ts';

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
