import { expect, test } from '@jest/globals';
import type { FaultRecord } from './faults/inflict.ts';
import { recoveryByKind, recoveryMs } from './recovery.ts';
import type { Fault } from './schedule.ts';

const record = (fault: Fault, healedAt: number, missed?: string): FaultRecord => ({
  planned: { n: 1, atMs: 0, lane: '', fault },
  beganAt: 0,
  healedAt,
  ...(missed === undefined ? {} : { missed }),
});

test('recovery is until an order that was written after the heal is paid, not one that waited before it', () => {
  const waited = { createdAt: 900, finishedAt: 1_100 };
  const after = { createdAt: 1_050, finishedAt: 1_400 };
  expect(recoveryMs(1_000, [waited, after])).toBe(400);
  expect(recoveryMs(1_000, [waited])).toBeUndefined();
});

test('faults are counted by kind, with the median and the longest recovery', () => {
  const kill = { kind: 'kill', target: 'payments' } as const;
  const paid = [
    { createdAt: 1_000, finishedAt: 1_010 },
    { createdAt: 2_000, finishedAt: 2_030 },
    { createdAt: 3_000, finishedAt: 3_020 },
  ];
  const records = [record(kill, 1_000), record(kill, 2_000, 'it was down'), record(kill, 3_000)];
  expect(recoveryByKind([...records, record({ kind: 'cut', target: 'kafka', lastsMs: 1 }, 4_000)], paid)).toEqual([
    { kind: 'kill payments', count: 3, missed: 1, recoveryMedianMs: 20, recoveryMaxMs: 30 },
    { kind: 'link cut', count: 1, missed: 0, recoveryMedianMs: undefined, recoveryMaxMs: undefined },
  ]);
});
