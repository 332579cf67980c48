import { sleep } from '@order-payments/platform/backoff.ts';

/** Lets a loop wait for a time or for the ring that comes first; a ring while nobody waits ends the next wait at once. */
export interface Alarm {
  ring(): void;
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function createAlarm(): Alarm {
  let rung = new AbortController();
  return {
    ring: () => rung.abort(),
    async wait(ms, signal) {
      await sleep(ms, AbortSignal.any([signal, rung.signal]));
      rung = new AbortController();
    },
  };
}
