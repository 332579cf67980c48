import { expect, test } from '@jest/globals';
import { judgeMemory, peaks } from './memory.ts';
import type { Life } from './memory.ts';

const MINUTE_MS = 60_000;

function lifeOf(minutes: number, megabytesAt: (minute: number) => number): Life {
  const samples = Array.from({ length: minutes * 30 + 1 }, (_, i) => ({
    at: i * 2_000,
    megabytes: megabytesAt(i / 30),
  }));
  return { part: 'orders', pid: 1, beganAt: 0, samples };
}

test('a life that breathes is flat, and one that grows for an hour is not', () => {
  const [breathes] = judgeMemory([lifeOf(60, (minute) => 120 + 15 * Math.sin(minute))]);
  expect(breathes).toMatchObject({ isFlat: true, livedSeconds: 3_600 });
  const [grows] = judgeMemory([lifeOf(60, (minute) => 100 + 3 * minute)]);
  expect(grows).toMatchObject({ isFlat: false });
});

test('what a process takes while it warms up is not growth', () => {
  const [life] = judgeMemory([lifeOf(10, (minute) => (minute < 1 ? 60 : 140))]);
  expect(life).toMatchObject({ isFlat: true, firstThirdMax: 140, lastThirdMax: 140 });
});

test('a life of less than four minutes says nothing', () => {
  const short = lifeOf(3, (minute) => 100 * minute);
  expect(short.samples.at(-1)?.at).toBe(3 * MINUTE_MS);
  expect(judgeMemory([short])).toEqual([]);
  expect(peaks([short])).toEqual({ orders: 300 });
});
