import { AppError } from '@order-payments/kernel/errors.ts';
import { backoffMs, sleep } from '../backoff.ts';
import { errorKind } from './sql-state.ts';

const attemptsMax = 6;

/**
 * Tries the work again while the database's trouble is of the kind that passes by itself, until the call's deadline (epoch
 * milliseconds). The work must be safe to repeat after an attempt whose outcome is unknown: a COMMIT whose answer was lost.
 * DEADLINE_EXCEEDED where an attempt would begin too late, UNAVAILABLE where the trouble stays.
 */
export async function retryTransient<Result>(deadlineMs: number, work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 0; ; attempt++) {
    // Nobody waits for the answer any more, and the statement would only delay those who still do.
    if (Date.now() >= deadlineMs) throw new AppError('DEADLINE_EXCEEDED', 'the call waited for too long');
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
