import { AppError } from '@order-payments/kernel/errors.ts';
import { sleep } from '@order-payments/platform/backoff.ts';
import { campaign } from '@order-payments/platform/db/leadership.ts';
import { errorKind } from '@order-payments/platform/db/sql-state.ts';
import type { Stoppable } from '@order-payments/platform/metrics.ts';
import { createSweep, type SweepDependencies } from './sweep.ts';

const tellAgainPerSecondMax = 200;
// 10 calls to Payments in one sweep at most.
const dueMax = 1_000;
const backoffMaxMs = 300_000;

/**
 * Sweeps every few seconds while this process is the one sweeper of its database; the other replicas stand by.
 * Two for a moment tell an event twice, which Payments' inbox drops.
 */
export function startSweeper(
  options: SweepDependencies & {
    databaseUrl: string;
    overdueMs: number;
    intervalMs: number;
    backoffMs: number;
    onFatal: (why: Error) => void;
  },
): Stoppable {
  const { databaseUrl, logger, overdueMs, intervalMs, backoffMs, onFatal } = options;
  const stopping = new AbortController();
  const settings = {
    overdueMs,
    backoff: { baseMs: backoffMs, maxMs: Math.max(backoffMs, backoffMaxMs) },
    dueMax,
    tellAgainMax: Math.max(1, Math.floor((tellAgainPerSecondMax * intervalMs) / 1000)),
  };
  const lead = async (signal: AbortSignal): Promise<void> => {
    const sweep = createSweep(options, settings);
    while (!signal.aborted) {
      const pause = sleep(intervalMs, signal);
      try {
        await sweep(new Date());
      } catch (error) {
        const passes = error instanceof AppError || errorKind(error) === 'transient';
        if (passes) logger.warn({ err: error }, 'cannot sweep now, trying again');
        else onFatal(new Error('the sweeper failed', { cause: error }));
      }
      await pause;
    }
  };
  const running = campaign({ databaseUrl, name: 'orders sweeper', logger, stopping: stopping.signal, lead });
  return {
    stop: async () => {
      stopping.abort();
      await running.ended;
    },
  };
}
