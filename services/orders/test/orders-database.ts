import { createDatabase, infrastructure } from '@order-payments/local/test-kit/infrastructure.ts';
import {
  paymentFailed,
  paymentSucceeded,
  toEnvelope,
  type CancelReason,
  type PaymentOutcome,
} from '@order-payments/contracts/events.ts';
import { orderCreatedSchema, paymentFailedSchema, paymentSucceededSchema } from '@order-payments/contracts/schemas.ts';
import { newAccountId, type OrderId, type UserId } from '@order-payments/kernel/ids.ts';
import { createPool, sql, type Database } from '@order-payments/platform/db/pool.ts';
import type { Envelope, EventRecord } from '@order-payments/platform/kafka/envelope.ts';
import { createEventCodec, type EventCodec } from '@order-payments/platform/kafka/event-codec.ts';
import { processRecords, type ProcessedRecords } from '@order-payments/platform/kafka/process-records.ts';
import { createLogger } from '@order-payments/platform/logger.ts';
import { createMetrics } from '@order-payments/platform/metrics.ts';
import type { Registry } from 'prom-client';
import { z } from 'zod';
import { prepareCreateOrder, type CreateOrder } from '../src/commands/create-order.ts';
import { applyPaymentOutcomes } from '../src/consumers/payment-outcomes.ts';
import type { OrderRequest } from '../src/domain/order.ts';
import { createOrdersMetrics, type OrdersMetrics } from '../src/metrics.ts';

export const ordersTopic = 'orders.events';
export const paymentsTopic = 'payments.events';
export const logger = createLogger({ service: 'orders-test', level: 'silent' });

/** Ten seconds from now: the deadline of a call that a test makes. */
export const soon = (): number => Date.now() + 10_000;
export const newUserId = (): UserId => newAccountId() as string as UserId;

export const request = (change: Partial<OrderRequest> = {}): OrderRequest => ({
  userId: newUserId(),
  amount: 600n,
  description: 'books',
  idempotencyKey: undefined,
  ...change,
});

/** A database of its own with the service's tables, and the service's parts that work on it. */
export interface OrdersDatabase {
  /** As the process sees it: role orders_service. */
  readonly database: Database;
  /** For what a test looks up or breaks by hand. */
  readonly owner: Database;
  readonly port: number;
  readonly databaseUrl: (role: 'owner' | 'service' | 'relay' | 'ops') => string;
  readonly codec: EventCodec;
  readonly registry: Registry;
  readonly metrics: OrdersMetrics;
  readonly createOrder: CreateOrder;
  /** How often a commit was announced to the relay. */
  readonly wakeUps: () => number;
  prepareCreateOrder(database: Database, limits?: Parameters<typeof prepareCreateOrder>[1]): CreateOrder;
  /** What the consumer does with records, from decoding to COMMIT. */
  consume(records: readonly EventRecord[]): Promise<ProcessedRecords>;
  end(): Promise<void>;
}

export async function openOrdersDatabase(): Promise<OrdersDatabase> {
  const { urls, port, drop } = await createDatabase('orders');
  const { schemaRegistryUrl } = await infrastructure();
  const open = async (role: 'owner' | 'service'): Promise<Database> =>
    await createPool({ url: urls[role], applicationName: 'orders-test', size: 10 });
  const database = await open('service');
  const owner = await open('owner');
  const codec = createEventCodec({
    registryUrl: schemaRegistryUrl,
    schemas: [orderCreatedSchema, paymentFailedSchema, paymentSucceededSchema],
    logger,
  });
  await codec.start(AbortSignal.timeout(20_000));
  const registry = createMetrics();
  const metrics = createOrdersMetrics(registry);
  const apply = applyPaymentOutcomes(metrics);
  let wakeUps = 0;
  const prepare: OrdersDatabase['prepareCreateOrder'] = (on, limits) =>
    prepareCreateOrder({ database: on, codec, ordersTopic, afterCommit: () => (wakeUps += 1), metrics }, limits);
  return {
    database,
    owner,
    port,
    databaseUrl: (role) => urls[role],
    codec,
    registry,
    metrics,
    createOrder: prepare(database),
    wakeUps: () => wakeUps,
    prepareCreateOrder: prepare,
    consume: async (records) => await processRecords({ codec, database, apply }, records),
    end: async () => {
      await database.end();
      await owner.end();
      await drop();
    },
  };
}

type OrderOfUser = { readonly id: OrderId; readonly userId: UserId };
export const decidedAt = new Date('2026-01-02T03:04:05.678Z');

export const succeeded = ({ id, userId }: OrderOfUser): PaymentOutcome =>
  paymentSucceeded({ orderId: id, userId, decidedAt });
export const failed = ({ id, userId }: OrderOfUser, reason: CancelReason = 'INSUFFICIENT_FUNDS'): PaymentOutcome =>
  paymentFailed({ orderId: id, userId, decidedAt, reason });

let offset = 0n;

/** The record that Payments publishes for an outcome, at the next offset. */
export function recordOf(
  { codec }: OrdersDatabase,
  outcome: PaymentOutcome,
  change: (envelope: Envelope) => Envelope = (envelope) => envelope,
): EventRecord {
  return {
    topic: paymentsTopic,
    partition: 0,
    offset: offset++,
    key: Buffer.from(outcome.data.user_id),
    value: codec.encode(change(toEnvelope(outcome))),
    timestampMs: Date.now(),
    headers: {},
  };
}

const storedRow = z.object({
  status: z.string(),
  cancel_reason: z.string().nullable(),
  settled_at: z.date().nullable(),
  swept_at: z.date().nullable(),
  sweep_count: z.number(),
});

export async function storedOrder({ owner }: OrdersDatabase, orderId: OrderId): Promise<z.output<typeof storedRow>> {
  return await owner.one(sql.type(storedRow)`
    select status, cancel_reason, settled_at, swept_at, sweep_count from orders where id = ${orderId}`);
}

export async function count({ owner }: OrdersDatabase, table: string): Promise<number> {
  const rows = await owner.oneFirst(
    sql.type(z.object({ count: z.bigint() }))`select count(*) from ${sql.identifier([table])}`,
  );
  return Number(rows);
}

/** Why records were buried, in the order in which they were. */
export async function deadLetters({ owner }: OrdersDatabase): Promise<readonly string[]> {
  return await owner.anyFirst(sql.type(z.object({ why: z.string() }))`select why from dead_letters order by id`);
}

/** The events in the outbox, in the order in which they will be published. */
export async function outboxEvents({ owner, codec }: OrdersDatabase) {
  const rows = await owner.any(
    sql.type(z.object({ event_id: z.string(), topic: z.string(), key: z.string(), payload: z.instanceof(Buffer) }))`
      select event_id, topic, key, payload from outbox order by id`,
  );
  return await Promise.all(
    rows.map(async ({ event_id, topic, key, payload }) => {
      const decoded = await codec.decode(payload);
      if (decoded.kind !== 'event') throw new Error(`the outbox holds what cannot be decoded: ${decoded.kind}`);
      return { eventId: event_id, topic, key, envelope: decoded.envelope };
    }),
  );
}
