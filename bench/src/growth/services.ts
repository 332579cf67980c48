import { orderCreatedSchema, paymentFailedSchema, paymentSucceededSchema } from '@order-payments/contracts/schemas.ts';
import { createPool, type Database } from '@order-payments/platform/db/pool.ts';
import type { EventRecord } from '@order-payments/platform/kafka/envelope.ts';
import { createEventCodec } from '@order-payments/platform/kafka/event-codec.ts';
import { processRecords, type ApplyEvents } from '@order-payments/platform/kafka/process-records.ts';
import { createLogger } from '@order-payments/platform/logger.ts';
import { createMetrics } from '@order-payments/platform/metrics.ts';
import type pg from 'pg';
import { prepareCreateOrder } from '../../../services/orders/src/commands/create-order.ts';
import { applyPaymentOutcomes } from '../../../services/orders/src/consumers/payment-outcomes.ts';
import { createOrdersMetrics } from '../../../services/orders/src/metrics.ts';
import { applyOrderCreated } from '../../../services/payments/src/consumers/order-created.ts';
import { createPaymentsMetrics } from '../../../services/payments/src/metrics.ts';
import { userId } from '../data.ts';
import { createOrders } from '../fill.ts';
import { CorrectnessError } from '../measure.ts';
import { HANG_MS } from '../progress.ts';

const BATCH = 300;
const PARTITIONS = 3;

/** The time that one order took in each of its steps, in microseconds. */
export interface OrderCost {
  readonly create: number;
  readonly settle: number;
  readonly finish: number;
}

/** The services' own handlers on two databases, without Kafka between: what costs more there is the database's growth. */
export interface Services {
  readonly orders: Database;
  readonly payments: Database;
  pass(count: number, users: number): Promise<OrderCost>;
  end(): Promise<void>;
}

export async function openServices(options: {
  urls: { orders: string; payments: string };
  /** Superusers of the same databases: they play the relay. */
  clients: { orders: pg.Client; payments: pg.Client };
  registryUrl: string;
}): Promise<Services> {
  const logger = createLogger({ service: 'bench', level: 'silent' });
  const codec = createEventCodec({
    registryUrl: options.registryUrl,
    schemas: [orderCreatedSchema, paymentSucceededSchema, paymentFailedSchema],
    logger,
  });
  await codec.start(AbortSignal.timeout(HANG_MS));
  const orders = await createPool({ url: options.urls.orders, applicationName: 'growth', size: 5 });
  const payments = await createPool({ url: options.urls.payments, applicationName: 'growth', size: 5 });
  // In turn, so that the accounts of a batch are as many where there are few.
  let turn = 0;
  const nextOf = (users: number) => () => userId(1 + (turn++ % users));
  const metrics = createOrdersMetrics(createMetrics());
  const createOrder = prepareCreateOrder({
    database: orders,
    codec,
    ordersTopic: 'orders.events',
    afterCommit: () => undefined,
    metrics,
  });
  const settle = applyOrderCreated({
    codec,
    paymentsTopic: 'payments.events',
    metrics: createPaymentsMetrics(createMetrics(), payments),
  });
  const finish = applyPaymentOutcomes(metrics);

  const process = async (database: Database, apply: ApplyEvents, records: readonly EventRecord[]): Promise<void> => {
    const ofPartition = (partition: number) => records.filter((record) => record.partition === partition);
    const run = async (partition: readonly EventRecord[]): Promise<void> => {
      for (let start = 0; start < partition.length; start += BATCH)
        await processRecords({ codec, database, apply }, partition.slice(start, start + BATCH));
    };
    await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => run(ofPartition(partition))));
  };
  return {
    orders,
    payments,
    async pass(count, users) {
      const created = await microsecondsEach(count, () => createOrders(createOrder, count, nextOf(users)));
      const events = await takeOutbox(options.clients.orders, count);
      const settled = await microsecondsEach(count, () => process(payments, settle, events));
      const outcomes = await takeOutbox(options.clients.payments, count);
      const finished = await microsecondsEach(count, () => process(orders, finish, outcomes));
      return { create: created, settle: settled, finish: finished };
    },
    async end() {
      await createOrder.stop();
      await orders.end();
      await payments.end();
    },
  };
}

async function microsecondsEach(count: number, work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return ((performance.now() - startedMs) * 1_000) / count;
}

/** What waits in the outbox, as the consumers would get it, one in a hundred twice; the outbox is empty afterwards. */
async function takeOutbox(client: pg.Client, count: number): Promise<EventRecord[]> {
  const { rows } = await client.query<{ id: string; topic: string; key: string; payload: Buffer }>(
    'select id, topic, key, payload from outbox order by id',
  );
  if (rows.length < count) throw new CorrectnessError(`${rows.length} events of ${count} orders are in the outbox`);
  await client.query('truncate outbox');
  const records = rows.map(({ id, topic, key, payload }): EventRecord => ({
    topic,
    partition: Number.parseInt(key.slice(-4), 16) % PARTITIONS,
    offset: BigInt(id),
    key: Buffer.from(key),
    value: payload,
    timestampMs: Date.now(),
    headers: {},
  }));
  return records.flatMap((record, index) => (index % 100 === 99 ? [record, records[index - 50] ?? record] : [record]));
}
