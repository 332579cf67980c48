import { backoffMs, sleep } from '@order-payments/platform/backoff.ts';
import type { Database } from '@order-payments/platform/db/pool.ts';
import { sqlStateOf } from '@order-payments/platform/db/sql-state.ts';
import { seam } from '@order-payments/platform/seam.ts';
import type { RelayMetrics } from './metrics.ts';
import type { Publisher } from './publisher.ts';
import { deleteRows, selectRows, type OutboxRow } from './store/outbox-rows.ts';
import type { Alarm } from './alarm.ts';

const batchRowsMax = 1_000;
// Kafka refuses a record batch beyond 1 MiB (message.max.bytes), and all rows may be of one partition.
const batchBytesMax = 800_000;
const recordOverheadBytes = 100;
// Ids are given before the commit, so a row may appear below one that was read. This far below the reads look again ...
const lowWaterMargin = 5_000n;
const idMax = 2n ** 63n - 1n;
// ... and this often a look goes over all that lies below. (A bare cursor lost 43 % of the rows that committed late.)
const rescanIntervalMs = 1_000;
// Less often where that takes long, because an old snapshot keeps the deleted rows: 10^6 of them are 60 ms to 1.2 s for it. It is
// one of the relay's connections that is busy then, beside the polls (p99 of a poll was 88 to 1,168 ms where it was one of them).
const rescanShareMax = 0.01;
const rescanIntervalMaxMs = 10_000;
// SQLSTATE query_canceled: https://www.postgresql.org/docs/current/errcodes-appendix.html
const queryCanceled = '57014';
// What an idle relay waits at most; a wake-up ends the wait, so this is for a wake-up that was lost.
const pollIntervalMs = 200;
// A round costs the same whether it moves one row or a hundred: a read, a request to Kafka, a delete, and the consumers' part. So
// after a small batch the next begins this long after it at the earliest; a lone row waits for nothing.
const smallBatchRows = 100;
const smallBatchIntervalMs = 5;

/**
 * Moves rows from the outbox to Kafka while it leads: reads in id order, sends, deletes what was acknowledged. The next
 * batch is read while one is sent, and sent after its acknowledgement, so rows of one key keep their order. A row is
 * deleted only after its acknowledgement, so whatever interrupts this loop makes duplicates and loses nothing.
 */
export async function relay(
  options: {
    database: Database;
    /** The same, with a longer limit for a statement, for reads that meet that of the first. */
    patientDatabase?: Database;
    publisher: Publisher;
    alarm: Alarm;
    metrics: RelayMetrics;
    /** After a small batch; the model tests, which give each step its turn, take none. */
    pause?: typeof sleep;
  },
  signal: AbortSignal,
): Promise<void> {
  const { database, publisher, alarm, metrics, pause = sleep } = options;
  const reader = createReader(options);
  let batch = await reader.read([]);
  let deleting = Promise.resolve();
  let deletingIds: readonly bigint[] = [];
  while (!signal.aborted) {
    if (batch.length === 0) {
      await deleting;
      await alarm.wait(pollIntervalMs, signal);
      batch = await reader.read([]);
      continue;
    }
    seam('relay.read');
    const ids = batch.map(({ id }) => id);
    const nextMs = Date.now() + smallBatchIntervalMs;
    const nextRead = ids.length < smallBatchRows ? undefined : reader.read([...deletingIds, ...ids]);
    // Awaited below, after the acknowledgement; until then its failure must not count as unhandled.
    nextRead?.catch(() => {});
    const stopTimer = metrics.publishSeconds.startTimer();
    await publishUntilAcknowledged(publisher, batch, signal);
    stopTimer();
    seam('relay.acknowledged');
    metrics.published.inc(ids.length);
    await deleting;
    deleting = deleteRows(database, ids);
    deleting.catch(() => {});
    deletingIds = ids;
    seam('relay.delete-sent');
    if (nextRead === undefined) await pause(Math.max(0, nextMs - Date.now()), signal);
    batch = await (nextRead ?? reader.read(ids));
  }
  await deleting;
}

async function publishUntilAcknowledged(
  publisher: Publisher,
  batch: readonly OutboxRow[],
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      const sent = publisher.publish(batch);
      seam('relay.batch-sent');
      await sent;
      return;
    } catch (error) {
      // Not this leader's any more, or stopping: the rows are still there for the next one.
      if (signal.aborted) throw error;
      await sleep(backoffMs(attempt, { baseMs: 100, maxMs: 5_000 }), signal);
      if (signal.aborted) throw error;
    }
  }
}

/**
 * Reads from a low-water mark that lives as long as one leadership. What appears below it is found by a look at the other
 * rows, which goes on while the reads do; its rows come first in a later batch. No row is ever in two batches: a read looks
 * above the mark, the look below what was the mark when it began, where only those in hand were read before.
 */
function createReader({ database, patientDatabase }: { database: Database; patientDatabase?: Database }): {
  read(withoutIds: readonly bigint[]): Promise<readonly OutboxRow[]>;
} {
  const limit = batchRowsMax;
  let lowWater = 0n;
  let nextLookMs = 0;
  let looking: Promise<void> | undefined;
  let found: readonly OutboxRow[] = [];
  let failure: Error | undefined;
  // An old snapshot that keeps 10^7 deleted rows makes a look, and a leader's first read, outlast any statement's limit. The
  // longer one is for the second try only: the first has shown that the database answers.
  const select = async (page: Parameters<typeof selectRows>[1]): Promise<readonly OutboxRow[]> => {
    try {
      return await selectRows(database, page);
    } catch (error) {
      if (patientDatabase === undefined || sqlStateOf(error) !== queryCanceled) throw error;
      return await selectRows(patientDatabase, page);
    }
  };
  const lookBelow = async (mark: bigint, withoutIds: readonly bigint[]): Promise<void> => {
    const startedMs = Date.now();
    try {
      found = await select({ aboveId: 0n, upToId: mark, withoutIds, limit });
    } catch (error) {
      failure = new Error('rows that commit late cannot be looked for', { cause: error });
    }
    // As many as one look may find: there may be more.
    nextLookMs = Date.now() + (found.length === limit ? 0 : rescanPauseMs(Date.now() - startedMs));
    looking = undefined;
  };
  return {
    async read(withoutIds) {
      const mark = lowWater > lowWaterMargin ? lowWater - lowWaterMargin : 0n;
      if (mark > 0n && looking === undefined && found.length === 0 && Date.now() >= nextLookMs)
        looking = lookBelow(mark, withoutIds);
      const above = await select({ aboveId: mark, upToId: idMax, withoutIds, limit });
      // Whoever leads starts again from nothing.
      if (failure !== undefined) throw failure;
      const rows = firstOf([...found, ...above]);
      found = [];
      const last = rows.at(-1);
      if (last && last.id > lowWater) lowWater = last.id;
      return rows;
    },
  };
}

function rescanPauseMs(tookMs: number): number {
  return Math.min(rescanIntervalMaxMs, Math.max(rescanIntervalMs, tookMs / rescanShareMax));
}

/** As many of the rows as one request may carry, at least one. The rest is read again. */
function firstOf(rows: readonly OutboxRow[]): readonly OutboxRow[] {
  let bytes = 0;
  const bytesOf = ({ key, payload }: OutboxRow): number =>
    Buffer.byteLength(key) + payload.length + recordOverheadBytes;
  const end = rows.findIndex((row) => (bytes += bytesOf(row)) > batchBytesMax);
  return rows.slice(0, end === -1 ? batchRowsMax : Math.min(Math.max(end, 1), batchRowsMax));
}
