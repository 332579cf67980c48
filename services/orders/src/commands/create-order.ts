import { assert } from '@order-payments/kernel/assert.ts';
import { AppError } from '@order-payments/kernel/errors.ts';
import { newOrderId } from '@order-payments/kernel/ids.ts';
import { backoffMs, sleep } from '@order-payments/platform/backoff.ts';
import { createBatchQueue, type BatchLimits, type Waiting } from '@order-payments/platform/batch-queue.ts';
import type { Database } from '@order-payments/platform/db/pool.ts';
import { errorKind } from '@order-payments/platform/db/sql-state.ts';
import type { EventCodec } from '@order-payments/platform/kafka/event-codec.ts';
import { seam } from '@order-payments/platform/seam.ts';
import { asOrder, isSameRequest, type Order, type OrderRequest } from '../domain/order.ts';
import type { OrdersMetrics } from '../metrics.ts';
import { findStanding, insertOrders, type OrderWithEvent } from '../store/orders.ts';
import { encodeOrderCreated } from './order-event.ts';

// At most 3 statements in flight, because each more waits for the same WAL flush, and 200 rows in each: 0.66 to 0.74 of
// what pgbench reaches with single inserts, against 0.23 to 0.31 with a commit for each order.
// 10,000 waiting calls are a few seconds of work; whoever comes then is better off elsewhere or later.
const defaultLimits: BatchLimits = { slots: 3, batchSizeMax: 200, lengthMax: 10_000 };

const attemptsMax = 8;

export interface CreateOrder {
  (request: OrderRequest, deadlineMs: number): Promise<Order>;
  /** Calls that wait for their batch. */
  queueLength(): number;
  /** Refuses new calls with UNAVAILABLE and answers those it has. */
  stop(): Promise<void>;
}

interface Dependencies {
  readonly database: Database;
  readonly codec: Pick<EventCodec, 'encode'>;
  readonly ordersTopic: string;
  /** After each commit, to wake the relay. */
  readonly afterCommit: () => void;
  readonly metrics: OrdersMetrics;
}

type WaitingOrder = Waiting<OrderWithEvent, Order>;

/**
 * Writes orders with their events; concurrent calls share a statement. A known key with the same request answers with the
 * order it made, as that is now; with another request IDEMPOTENCY_KEY_REUSED.
 */
export function prepareCreateOrder(dependencies: Dependencies, limits = defaultLimits): CreateOrder {
  const queue = createBatchQueue<OrderWithEvent, Order>(limits, async (batch) => await runBatch(dependencies, batch));
  const createOrder = async (request: OrderRequest, deadlineMs: number): Promise<Order> => {
    // Given before the call waits, so every retry writes the same order: a COMMIT whose answer was lost makes no second one.
    const order = { ...request, id: newOrderId(), createdAt: new Date() };
    return await queue.add({ order, ...encodeOrderCreated(dependencies.codec, order) }, deadlineMs);
  };
  return Object.assign(createOrder, { queueLength: () => queue.length, stop: queue.stop });
}

async function runBatch(dependencies: Dependencies, batch: readonly WaitingOrder[]): Promise<void> {
  const stopTimer = dependencies.metrics.ingestDuration.startTimer();
  dependencies.metrics.ingestSize.observe(batch.length);
  try {
    await writeWithRetry(dependencies, batch);
  } catch (error) {
    if (errorKind(error) !== 'data' || batch.length === 1) throw error;
    // One row breaks a rule of the database; the others are none the worse for it.
    for (const waiting of batch) await writeWithRetry(dependencies, [waiting]).catch(waiting.reject);
  } finally {
    stopTimer();
  }
}

/** Writes the batch again while the database's trouble is of the kind that passes, as long as someone waits for the answer. */
async function writeWithRetry(dependencies: Dependencies, batch: readonly WaitingOrder[]): Promise<void> {
  let remaining = batch;
  for (let attempt = 0; remaining.length > 0; attempt++) {
    try {
      await writeOrders(dependencies, remaining);
      return;
    } catch (error) {
      if (errorKind(error) !== 'transient') throw error;
      if (attempt + 1 === attemptsMax)
        throw new AppError('UNAVAILABLE', 'no answer from the database', {}, { cause: error });
      dependencies.metrics.ingestRetries.inc();
      await sleep(backoffMs(attempt, { baseMs: 20, maxMs: 500 }));
    }
    remaining = rejectExpired(remaining);
  }
}

async function writeOrders(dependencies: Dependencies, batch: readonly WaitingOrder[]): Promise<void> {
  const { database, ordersTopic, metrics } = dependencies;
  seam('orders.ingest.statement-unsent');
  // Orders, outbox rows and the commit are one statement, so there is no instant between them.
  const inserting = insertOrders(
    database,
    batch.map(({ item }) => item),
    ordersTopic,
  );
  seam('orders.ingest.commit-sent');
  const refused = await inserting;
  seam('orders.ingest.committed');
  if (refused.size < batch.length) dependencies.afterCommit();
  metrics.created.inc(batch.length - refused.size);
  const standing = batch.filter(({ item }) => refused.has(item.order.id));
  for (const { item, resolve } of batch) if (!refused.has(item.order.id)) resolve(asOrder(item.order));
  if (standing.length > 0) await answerStanding(database, standing);
}

/** What stands in the way of these was committed before: by an earlier call with the key, or by an earlier attempt of the same call. */
async function answerStanding(database: Database, calls: readonly WaitingOrder[]): Promise<void> {
  const found = await findStanding(
    database,
    calls.map(({ item }) => item.order),
  );
  for (const { item, resolve, reject } of calls) {
    const stored = found.get(item.order.id);
    assert(stored !== undefined, 'an order was refused and nothing stands in its way');
    if (isSameRequest(stored, item.order)) resolve(stored);
    else reject(new AppError('IDEMPOTENCY_KEY_REUSED', 'the key was used for another order of this user'));
  }
}

/** Their outcome is unknown: an attempt may have been committed. The same key resolves it. */
function rejectExpired(batch: readonly WaitingOrder[]): readonly WaitingOrder[] {
  const nowMs = Date.now();
  return batch.filter(({ deadlineMs, reject }) => {
    if (deadlineMs > nowMs) return true;
    reject(new AppError('DEADLINE_EXCEEDED', 'the database did not answer in time'));
    return false;
  });
}
