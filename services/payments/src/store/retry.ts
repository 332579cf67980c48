import { AppError } from '@order-payments/kernel/errors.ts';
import { backoffMs, sleep } from '@order-payments/platform/backoff.ts';
import { errorKind } from '@order-payments/platform/db/sql-state.ts';

const attemptsMax = 6;

/**
 * Tries the work again while the database's trouble is of the kind that passes by itself, until the call's deadline.
 * The work must be safe to repeat after an attempt whose outcome is unknown: a COMMIT whose answer was lost.
 */
export async function retryTransient<Result>(deadlineMs: number, work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (errorKind(error) !== 'transient') throw error;
      const pauseMs = backoffMs(attempt, { baseMs: 20, maxMs: 500 });
      if (attempt + 1 === attemptsMax || Date.now() + pauseMs >= deadlineMs)
        throw new AppError('UNAVAILABLE', 'the database gave no answer', {}, { cause: error });
      await sleep(pauseMs);
    }
  }
}
