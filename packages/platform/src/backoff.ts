import { setTimeout as delay } from 'node:timers/promises';

/**
 * Exponential backoff with full jitter: a random time up to base * 2^attempt, at most max.
 * Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function backoffMs(attempt: number, limits: { baseMs: number; maxMs: number }): number {
  return Math.random() * Math.min(limits.maxMs, limits.baseMs * 2 ** attempt);
}

/** Resolves after the time, or at once when the signal is aborted: whoever waits looks at the signal next. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { ref: true, ...(signal && { signal }) });
  } catch (error) {
    if (signal?.aborted) return;
    throw error;
  }
}

/** What a process needs at its start may not be there yet: tries again, less and less often, until it works or is aborted. */
export async function keepTrying(
  work: () => Promise<void>,
  signal: AbortSignal,
  onFailure: (error: unknown, attempt: number) => Promise<void> | void,
): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      return await work();
    } catch (error) {
      await onFailure(error, attempt);
      await sleep(backoffMs(attempt, { baseMs: 200, maxMs: 5_000 }), signal);
    }
  }
}
