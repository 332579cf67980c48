import type { EachBatchPayload } from 'kafkajs';

// What a process that dies has done and not committed is delivered again, and dropped by the inbox: so it may be some.
const intervalMs = 100;
const afterFailureMs = 1_000;

/** What a batch brings along to commit the offsets of all partitions that are resolved. */
type Offsets = Pick<EachBatchPayload, 'commitOffsetsIfNecessary' | 'uncommittedOffsets'>;

export interface OffsetCommits {
  /** Resolved offsets are committed soon, those of all partitions in one request. */
  soon(offsets: Offsets): void;
  /** What was not committed yet is delivered again: the group has been joined anew. */
  forget(): void;
  /** At once, and nothing more later: before the consumer leaves its group. Never throws: the rest is delivered again. */
  last(): Promise<void>;
}

/**
 * kafkajs by itself commits after every batch, and batches of twelve partitions that end together send twelve requests with
 * all twelve offsets in each.
 */
export function createOffsetCommits(): OffsetCommits {
  let latest: Offsets | undefined;
  let timer: NodeJS.Timeout | undefined;
  let ending = false;
  const commit = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    try {
      await latest?.commitOffsetsIfNecessary(latest.uncommittedOffsets());
    } catch {
      // The broker is away; or there is a rebalance, after which nothing is left to commit.
      if (!ending) timer ??= setTimeout(() => void commit(), afterFailureMs);
    }
  };
  return {
    soon(offsets) {
      latest = offsets;
      timer ??= setTimeout(() => void commit(), intervalMs);
    },
    forget() {
      latest = undefined;
    },
    async last() {
      ending = true;
      await commit();
    },
  };
}
