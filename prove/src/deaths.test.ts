import { expect, test } from '@jest/globals';
import { unplanned } from './deaths.ts';
import type { Death, PlannedDeath } from './deaths.ts';

const death = (at: number, reason: string, part = 'orders'): Death => ({ part, at, reason: `ended with ${reason}` });
const plan = (from: number, reason: RegExp): PlannedDeath => ({ part: 'orders', from, until: from + 10, reason });

test('a death that was planned, in its time and in its way, is no defect', () => {
  expect(unplanned([death(5, 'SIGKILL'), death(7, 'code 0')], [plan(6, /code 0/), plan(1, /SIGKILL/)])).toEqual([]);
});

test('a plan answers for one death, of its part, in its time and in its way', () => {
  const kills = [plan(1, /SIGKILL/)];
  for (const deaths of [
    [death(2, 'code 1')],
    [death(12, 'SIGKILL')],
    [death(0, 'SIGKILL')],
    [death(2, 'SIGKILL', 'payments')],
  ])
    expect(unplanned(deaths, kills)).toEqual(deaths);
  expect(unplanned([death(2, 'SIGKILL'), death(3, 'SIGKILL')], kills)).toEqual([death(3, 'SIGKILL')]);
});
