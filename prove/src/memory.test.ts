import { expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { judgeMemory, MemoryWatch, peaks } from './memory.ts';
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

test('an earlier life whose process had the same id is another life', async () => {
  const parent = process.ppid;
  const pids = [process.pid, parent, process.pid];
  let turn = 0;
  const watch = new MemoryWatch(['orders'], () => pids[turn++] ?? process.pid, 5);
  while (turn < 4) await sleep(5);
  watch.stop();
  expect(watch.lives.map(({ pid }) => pid)).toEqual([process.pid, parent, process.pid]);
});
