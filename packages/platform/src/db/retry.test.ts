import { describe, expect, test } from '@jest/globals';
import { retryTransient } from './retry.ts';

const soon = (): number => Date.now() + 20_000;
const databaseError = (code: string): Error => Object.assign(new Error('from the database'), { code });

/** Work that fails as told, attempt by attempt, and succeeds after that. */
function failing(...failures: readonly Error[]) {
  const work = {
    attempts: 0,
    run: async (): Promise<string> => {
      const failure = failures[work.attempts++];
      if (failure !== undefined) throw failure;
      return 'done';
    },
  };
  return work;
}

describe('work on the database', () => {
  test('is tried again while its trouble passes by itself', async () => {
    const work = failing(databaseError('40001'), databaseError('ECONNRESET'));
    expect(await retryTransient(soon(), work.run)).toBe('done');
    expect(work.attempts).toBe(3);
  });

  test('is not tried again when the trouble is of another kind, and fails with that', async () => {
    const failure = databaseError('42601');
    const work = failing(failure);
    await expect(retryTransient(soon(), work.run)).rejects.toBe(failure);
    expect(work.attempts).toBe(1);
  });

  test('is given up as UNAVAILABLE after a few attempts', async () => {
    const work = failing(...Array.from({ length: 100 }, () => databaseError('57P01')));
    await expect(retryTransient(soon(), work.run)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(work.attempts).toBe(6);
  });

  test('is not begun when nobody waits for it any more', async () => {
    const work = failing();
    await expect(retryTransient(Date.now() - 1, work.run)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(work.attempts).toBe(0);
  });

  test('is not begun again when its deadline passed during an attempt', async () => {
    let attempts = 0;
    const deadlineMs = Date.now() + 30;
    const slow = async (): Promise<void> => {
      attempts += 1;
      while (Date.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 5));
      throw databaseError('40001');
    };
    await expect(retryTransient(deadlineMs, slow)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(attempts).toBe(1);
  });
});
