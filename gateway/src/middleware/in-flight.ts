import { AppError } from '@order-payments/kernel/errors.ts';

/**
 * Requests that are past their input and wait for the services. A slow client's half-sent request takes no place,
 * so that it cannot keep others out.
 */
export interface InFlight {
  /** Whether `run` would refuse now: whoever asks before he reads a request spares the work. */
  readonly isFull: boolean;
  readonly size: number;
  /** How many there may be now. */
  readonly limit: number;
  /** Throws OVERLOADED when there is no room. */
  run<Result>(work: (place: Place) => Promise<Result>): Promise<Result>;
}

/** What a request holds while it runs. */
export interface Place {
  /**
   * Leaves the place to others for work that waits and asks little, and takes it again: at most half of the greatest
   * limit at once; undefined where there are so many already.
   */
  leaveFor<Result>(work: () => Promise<Result>): Promise<Result | undefined>;
}

export interface InFlightLimits {
  readonly min: number;
  readonly max: number;
  /** A request that takes longer is a sign that too many wait. */
  readonly targetMs: number;
}

/** What is left of the limit when requests take too long. */
const cutTo = 0.7;

/**
 * The limit follows what the services carry, as TCP's window follows the network: requests that take longer than the
 * target cut it, at most once in that time, and others raise it by one for each time that it was filled. A fixed limit cannot
 * be right on every machine: 1,024 were 0.2 s of work on a quiet one and 6 s on a busy one, where every call met its
 * deadline and ten times the load left 5 % of the throughput.
 */
export function createInFlight(
  { min, max, targetMs }: InFlightLimits,
  now = performance.now.bind(performance),
): InFlight {
  const floor = Math.min(min, max);
  let size = 0;
  // Half of the most, so that a start into a crowd has less to learn.
  let limit = Math.max(floor, max / 2);
  let away = 0;
  let cutAt = -Infinity;
  const learn = (tookMs: number): void => {
    if (tookMs <= targetMs) {
      // A limit that is not reached shows nothing about what lies beyond it.
      if (size >= limit / 2) limit = Math.min(max, limit + 1 / limit);
    } else if (now() - cutAt > targetMs) {
      cutAt = now();
      limit = Math.max(floor, limit * cutTo);
    }
  };
  return {
    get isFull() {
      return size >= limit;
    },
    get size() {
      return size;
    },
    get limit() {
      return limit;
    },
    run: async (work) => {
      if (size >= limit) throw new AppError('OVERLOADED', 'too many requests are in flight');
      size += 1;
      const startedAt = now();
      let awayMs = 0;
      const place: Place = {
        leaveFor: async (waiting) => {
          if (away >= max / 2) return undefined;
          const leftAt = now();
          away += 1;
          size -= 1;
          try {
            return await waiting();
          } finally {
            away -= 1;
            size += 1;
            awayMs += now() - leftAt;
          }
        },
      };
      try {
        return await work(place);
      } finally {
        learn(now() - startedAt - awayMs);
        size -= 1;
      }
    },
  };
}
