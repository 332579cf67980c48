import { AppError } from '@order-payments/kernel/errors.ts';

export interface BatchLimits {
  /** Batches under way at a time. */
  readonly slots: number;
  /** What a batch may hold; a single item may exceed it. */
  readonly batchSizeMax: number;
  /** Items that wait; more are refused. */
  readonly lengthMax: number;
}

/** One caller's item and its answer. */
export interface Waiting<Item, Result> {
  readonly item: Item;
  /** Epoch milliseconds. */
  readonly deadlineMs: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (why: unknown) => void;
}

export interface BatchQueue<Item, Result> {
  readonly length: number;
  /** OVERLOADED when the queue is full, UNAVAILABLE once it stops, DEADLINE_EXCEEDED when the item's turn came too late. */
  add(item: Item, deadlineMs: number): Promise<Result>;
  /** Takes no more items and waits for those it has. */
  stop(): Promise<void>;
}

/**
 * Batches without a timer: a free slot takes everything that waits, up to the limit. So a lone call waits for nobody, and the
 * more calls there are, the larger the batches become. `run` answers every item that it is given.
 */
export function createBatchQueue<Item, Result>(
  limits: BatchLimits,
  run: (batch: ReadonlyArray<Waiting<Item, Result>>) => Promise<void>,
  /** How much of a batch an item takes. */
  sizeOf: (item: Item) => number = () => 1,
): BatchQueue<Item, Result> {
  const waiting: Array<Waiting<Item, Result>> = [];
  const idle = Promise.withResolvers<void>();
  let underWay = 0;
  let asked = false;
  let stopped = false;

  const countOfBatch = (): number => {
    let size = 0;
    const end = waiting.findIndex(({ item }) => (size += sizeOf(item)) > limits.batchSizeMax);
    return end === -1 ? waiting.length : Math.max(end, 1);
  };
  const fillSlots = (): void => {
    asked = false;
    while (underWay < limits.slots) {
      const batch = dropExpired(waiting.splice(0, countOfBatch()));
      if (batch.length > 0) void occupySlot(batch);
      else if (waiting.length === 0) break;
    }
    if (stopped && underWay === 0) idle.resolve();
  };
  const occupySlot = async (batch: ReadonlyArray<Waiting<Item, Result>>): Promise<void> => {
    underWay += 1;
    try {
      await run(batch);
    } catch (error) {
      // Answered ones stay answered: a promise settles once.
      for (const { reject } of batch) reject(error);
    }
    underWay -= 1;
    fillSlots();
  };

  return {
    get length() {
      return waiting.length;
    },
    async add(item, deadlineMs) {
      if (stopped) throw new AppError('UNAVAILABLE', 'the service is stopping');
      if (waiting.length >= limits.lengthMax) throw new AppError('OVERLOADED', 'too many calls wait');
      return await new Promise<Result>((resolve, reject) => {
        waiting.push({ item, deadlineMs, resolve, reject });
        // Calls that arrive in one turn of the event loop share a batch, instead of the first three going alone.
        if (!asked) setImmediate(fillSlots);
        asked = true;
      });
    },
    async stop() {
      stopped = true;
      setImmediate(fillSlots);
      await idle.promise;
    },
  };
}

/** Whoever waited longer than the caller does is not worth a statement, and nothing was done for it. */
function dropExpired<Item, Result>(batch: Array<Waiting<Item, Result>>): Array<Waiting<Item, Result>> {
  const nowMs = Date.now();
  return batch.filter(({ deadlineMs, reject }) => {
    if (deadlineMs > nowMs) return true;
    reject(new AppError('DEADLINE_EXCEEDED', 'the call waited for too long'));
    return false;
  });
}
