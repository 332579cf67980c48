import { setTimeout as sleep } from 'node:timers/promises';

const INTERVAL_MS = 50;

/** Repeats until it does not throw any more, and returns its value; after the time it throws what it last threw. */
export async function eventually<T>(attempt: () => Promise<T> | T, { timeoutMs }: { timeoutMs: number }): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(INTERVAL_MS);
  }
}
