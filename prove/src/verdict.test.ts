import { expect, test } from '@jest/globals';
import type { FaultRecord } from './faults/inflict.ts';
import type { Fault } from './schedule.ts';
import { verdictOf } from './verdict.ts';

const record = (fault: Fault, missed?: string): FaultRecord => ({
  planned: { n: 1, atMs: 0, lane: '', fault },
  beganAt: 0,
  healedAt: 0,
  ...(missed === undefined ? {} : { missed }),
});
const zombie = { kind: 'zombie', target: 'orders', lastsMs: 1 } as const;
const enough = { orders: 10_000, kills: 50, faults: [record(zombie, 'no batch'), record(zombie)], violations: [] };
const never = [1, 2, 3].map(() => record(zombie, 'no batch'));
const whole = { isWhole: true };

test('a whole run proves something with enough orders, enough kills and every kind of fault at least once', () => {
  expect(verdictOf(enough, whole)).toEqual({ word: 'PROVED', why: [] });
  for (const [less, why] of [
    [{ orders: 9_999 }, '9999 orders of at least 10000'],
    [{ kills: 49 }, '49 kills of at least 50'],
    [{ faults: never }, 'zombie came about in none of 3 times'],
  ] as const) {
    expect(verdictOf({ ...enough, ...less }, whole)).toEqual({ word: 'NOT PROVED', why: [why] });
    expect(verdictOf({ ...enough, ...less }, { isWhole: false })).toEqual({ word: 'PROVED', why: [why] });
  }
});

test('a violation is one whatever else was too little', () => {
  const violations = [{ invariant: 'I1', what: 'gone' }] as const;
  expect(verdictOf({ ...enough, violations }, whole).word).toBe('VIOLATED');
  expect(verdictOf({ ...enough, orders: 1, violations }, whole).word).toBe('VIOLATED');
});
