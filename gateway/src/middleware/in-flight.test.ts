import { describe, expect, test } from '@jest/globals';
import { createInFlight, type InFlight } from './in-flight.ts';

const fixed = (max: number): InFlight => createInFlight({ min: max, max, targetMs: 1_000 });

describe('in flight', () => {
  test('refuses at once what exceeds the limit and takes the next when one is done', async () => {
    const inFlight = fixed(2);
    const gate = Promise.withResolvers<void>();
    const held = [inFlight.run(() => gate.promise), inFlight.run(() => gate.promise)];
    expect(inFlight.isFull).toBe(true);
    await expect(inFlight.run(async () => 'third')).rejects.toMatchObject({ code: 'OVERLOADED' });
    gate.resolve();
    await Promise.all(held);
    expect(await inFlight.run(async () => 'third')).toBe('third');
  });

  test('gives a place back when the work fails', async () => {
    const inFlight = fixed(1);
    const failing = inFlight.run(async () => {
      throw new Error('failed');
    });
    await expect(failing).rejects.toThrow('failed');
    expect(inFlight.size).toBe(0);
  });

  test('who waits leaves the place to others, and at most half of the room are such', async () => {
    const inFlight = fixed(4);
    const gate = Promise.withResolvers<string>();
    const waiting = async (): Promise<string | undefined> =>
      inFlight.run(async (place) => place.leaveFor(() => gate.promise));
    const held = [waiting(), waiting()];
    expect(inFlight.size).toBe(0);
    expect(await waiting()).toBeUndefined();
    gate.resolve('settled');
    expect(await Promise.all(held)).toEqual(['settled', 'settled']);
    expect(inFlight.size).toBe(0);
  });
});

describe('the limit of what is in flight', () => {
  /** As many as there is room for, all at once, each taking so long by a clock of its own. */
  const fill = async (inFlight: InFlight, clock: { ms: number }, tookMs: number): Promise<void> => {
    const gate = Promise.withResolvers<void>();
    const held: Array<Promise<void>> = [];
    while (!inFlight.isFull) held.push(inFlight.run(() => gate.promise));
    clock.ms += tookMs;
    gate.resolve();
    await Promise.all(held);
  };
  const start = (): { inFlight: InFlight; clock: { ms: number } } => {
    const clock = { ms: 0 };
    return { clock, inFlight: createInFlight({ min: 10, max: 200, targetMs: 1_000 }, () => clock.ms) };
  };

  test('falls once for all that were slow at the same time, and no further than its least', async () => {
    const { inFlight, clock } = start();
    await fill(inFlight, clock, 2_000);
    expect(inFlight.limit).toBe(70);
    for (let i = 0; i < 20; i += 1) await fill(inFlight, clock, 2_000);
    expect(inFlight.limit).toBe(10);
  });

  test('rises by about one each time that it is filled and nobody was slow, and no further than its most', async () => {
    const { inFlight, clock } = start();
    for (let i = 0; i < 20; i += 1) await fill(inFlight, clock, 2_000);
    await fill(inFlight, clock, 100);
    expect(inFlight.limit).toBeGreaterThan(10.4);
    expect(inFlight.limit).toBeLessThan(12);
    for (let i = 0; i < 400; i += 1) await fill(inFlight, clock, 100);
    expect(inFlight.limit).toBe(200);
  });

  test('learns nothing from work that left its place, however long it waited', async () => {
    const { inFlight, clock } = start();
    await inFlight.run(async (place) =>
      place.leaveFor(async () => {
        clock.ms += 10_000;
      }),
    );
    expect(inFlight.limit).toBe(100);
  });
});
