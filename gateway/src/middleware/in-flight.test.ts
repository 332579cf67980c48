import { describe, expect, test } from '@jest/globals';
import { createInFlight } from './in-flight.ts';

describe('in flight', () => {
  test('refuses at once what exceeds the limit and takes the next when one is done', async () => {
    const inFlight = createInFlight(2);
    const gate = Promise.withResolvers<void>();
    const held = [inFlight.run(() => gate.promise), inFlight.run(() => gate.promise)];
    await expect(inFlight.run(async () => 'third')).rejects.toMatchObject({ code: 'OVERLOADED' });
    gate.resolve();
    await Promise.all(held);
    expect(await inFlight.run(async () => 'third')).toBe('third');
  });

  test('gives a place back when the work fails', async () => {
    const inFlight = createInFlight(1);
    const failing = inFlight.run(async () => {
      throw new Error('failed');
    });
    await expect(failing).rejects.toThrow('failed');
    expect(inFlight.size).toBe(0);
  });

  test('leaves half of the room to those that do not wait', async () => {
    const inFlight = createInFlight(4);
    const gate = Promise.withResolvers<string>();
    const held = [inFlight.tryWait(() => gate.promise), inFlight.tryWait(() => gate.promise)];
    expect(await inFlight.tryWait(() => gate.promise)).toBeUndefined();
    gate.resolve('settled');
    expect(await Promise.all(held)).toEqual(['settled', 'settled']);
  });
});
