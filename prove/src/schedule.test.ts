import { describe, expect, test } from '@jest/globals';
import { allSeams } from '@order-payments/local/test-kit/worst-instants.ts';
import { scheduleOf, windowOf } from './prove.ts';
import { allLabels, labelOf, makeSchedule, SERVICES } from './schedule.ts';
import type { PlannedFault } from './schedule.ts';

const FIVE_MINUTES = { seconds: 300, only: [] };
const HOUR = { seconds: 3_600, only: [] };
const labels = (schedule: readonly PlannedFault[]): string[] => schedule.map(({ fault }) => labelOf(fault));

/** Processes that end by SIGKILL, at the least: by our hand or by their own at a seam. */
function killsIn(schedule: readonly PlannedFault[]): number {
  return schedule.reduce((sum, { fault }) => {
    if (fault.kind === 'kill') return sum + (fault.target === 'all' ? SERVICES.length : 1);
    return sum + (fault.kind === 'seam' || fault.kind === 'restart' ? 1 : 0);
  }, 0);
}

describe('a schedule', () => {
  test('is the same for the same seed: faults, order and instants; and another for another', () => {
    for (const seed of [0, 1, 2_026])
      expect(scheduleOf({ seed, ...FIVE_MINUTES })).toEqual(scheduleOf({ seed, ...FIVE_MINUTES }));
    expect(scheduleOf({ seed: 1, ...FIVE_MINUTES })).not.toEqual(scheduleOf({ seed: 2, ...FIVE_MINUTES }));
  });

  test('of five minutes has at least 60 kills and every kind of fault, whatever the seed', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const schedule = scheduleOf({ seed, ...FIVE_MINUTES });
      expect(killsIn(schedule)).toBeGreaterThanOrEqual(60);
      expect([...new Set(schedule.map(({ fault }) => fault.kind))].sort()).toEqual([
        'away',
        'cut',
        'duplicates',
        'freeze',
        'kill',
        'reset',
        'restart',
        'seam',
        'silence',
        'slow',
        'split-brain',
        'terminate',
        'zombie',
      ]);
    }
  });

  test('of an hour comes to every seam, and ends no process in its last third', () => {
    const schedule = scheduleOf({ seed: 3, ...HOUR });
    const seams = schedule.flatMap(({ fault }) => (fault.kind === 'seam' ? [fault.seam] : []));
    expect(new Set(seams)).toEqual(allSeams);
    const late = schedule.filter(({ atMs }) => atMs > (windowOf(HOUR.seconds) * 2) / 3);
    expect(late.length).toBeGreaterThan(50);
    expect(late.filter(({ fault }) => ['kill', 'terminate', 'seam'].includes(fault.kind))).toEqual([]);
  });

  test('befalls one process with one fault at a time, and leaves every storm time to heal', () => {
    const schedule = scheduleOf({ seed: 4, ...FIVE_MINUTES });
    for (const lane of Map.groupBy(schedule, (planned) => planned.lane).values())
      lane.forEach(({ atMs, fault }, index) => {
        const lasts = 'lastsMs' in fault ? fault.lastsMs : 0;
        expect(lane[index + 1]?.atMs ?? Infinity).toBeGreaterThan(atMs + lasts);
      });
    expect(Math.max(...schedule.map(({ atMs }) => atMs))).toBeLessThan(windowOf(300));
  });

  test('has what was chosen alone', () => {
    const chosen = makeSchedule({ seed: 5, windowMs: 60_000, only: ['kill:payments', 'seam:outbox-relay-orders'] });
    expect(chosen.length).toBeGreaterThan(3);
    expect(labels(chosen).filter((label) => !/^(kill:payments|seam:outbox-relay-orders:)/.test(label))).toEqual([]);
    expect(allLabels()).toContain('kill:payments');
  });
});
