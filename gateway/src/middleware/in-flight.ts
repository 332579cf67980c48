import { AppError } from '@order-payments/kernel/errors.ts';

/**
 * Requests that are past their input and wait for the services. A slow client's half-sent request takes no place,
 * so that it cannot keep others out.
 */
export interface InFlight {
  /** Throws OVERLOADED when there is no room. */
  run<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Like run, but only up to half of the room, for work that may as well be left out; undefined then. */
  tryWait<Result>(work: () => Promise<Result>): Promise<Result | undefined>;
  readonly size: number;
}

export function createInFlight(limit: number): InFlight {
  let size = 0;
  let waiting = 0;
  return {
    get size() {
      return size;
    },
    run: async (work) => {
      if (size >= limit) throw new AppError('OVERLOADED', 'too many requests are in flight');
      size += 1;
      try {
        return await work();
      } finally {
        size -= 1;
      }
    },
    tryWait: async (work) => {
      if (waiting >= limit / 2) return undefined;
      waiting += 1;
      try {
        return await work();
      } finally {
        waiting -= 1;
      }
    },
  };
}
