import { AppError } from '@order-payments/kernel/errors.ts';
import { backoffMs, sleep } from '@order-payments/platform/backoff.ts';
import { errorKind } from '@order-payments/platform/db/sql-state.ts';

const attemptsMax = 6;

/** Tries a read again while the database's trouble is of the kind that passes by itself, until the call's deadline. */
export async function retryTransient<Result>(deadlineMs: number, read: () => Promise<Result>): Promise<Result> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      if (errorKind(error) !== 'transient') throw error;
      const pauseMs = backoffMs(attempt, { baseMs: 20, maxMs: 500 });
      if (attempt + 1 === attemptsMax || Date.now() + pauseMs >= deadlineMs)
        throw new AppError('UNAVAILABLE', 'the database gave no answer', {}, { cause: error });
      await sleep(pauseMs);
    }
  }
}
