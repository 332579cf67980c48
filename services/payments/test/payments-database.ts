import { createDatabase, infrastructure } from '@order-payments/local/test-kit/infrastructure.ts';
import { orderCreated, toEnvelope } from '@order-payments/contracts/events.ts';
import { orderCreatedSchema, paymentFailedSchema, paymentSucceededSchema } from '@order-payments/contracts/schemas.ts';
import { newAccountId, newOrderId, type OrderId, type UserId } from '@order-payments/kernel/ids.ts';
import { createPool, sql, type Database } from '@order-payments/platform/db/pool.ts';
import type { Envelope, EventRecord } from '@order-payments/platform/kafka/envelope.ts';
import { createEventCodec, type EventCodec } from '@order-payments/platform/kafka/event-codec.ts';
import { processRecords, type ProcessedRecords } from '@order-payments/platform/kafka/process-records.ts';
import { createLogger } from '@order-payments/platform/logger.ts';
import { createMetrics } from '@order-payments/platform/metrics.ts';
import type { Registry } from 'prom-client';
import { z } from 'zod';
import { topUpAccount } from '../src/commands/top-up-account.ts';
import { applyOrderCreated } from '../src/consumers/order-created.ts';
import { createPaymentsMetrics, type PaymentsMetrics } from '../src/metrics.ts';
import { insertAccount } from '../src/store/accounts.ts';

export const ordersTopic = 'orders.events';
export const paymentsTopic = 'payments.events';
export const logger = createLogger({ service: 'payments-test', level: 'silent' });

/** Ten seconds from now: the deadline of a call that a test makes. */
export const soon = (): number => Date.now() + 10_000;
export const newUserId = (): UserId => newAccountId() as string as UserId;

/** A database of its own with the service's tables, and the service's parts that work on it. */
export interface PaymentsDatabase {
  /** As the process sees it: role payments_service. */
  readonly database: Database;
  /** For what a test looks up or breaks by hand. */
  readonly owner: Database;
  readonly databaseUrl: (role: 'owner' | 'service' | 'relay' | 'ops') => string;
  readonly codec: EventCodec;
  readonly registry: Registry;
  readonly metrics: PaymentsMetrics;
  /** What the consumer does with records, from decoding to COMMIT. */
  consume(records: readonly EventRecord[]): Promise<ProcessedRecords>;
  openAccount(balance: bigint): Promise<UserId>;
  end(): Promise<void>;
}

export async function openPaymentsDatabase(): Promise<PaymentsDatabase> {
  const { urls, drop } = await createDatabase('payments');
  const { schemaRegistryUrl } = await infrastructure();
  const open = async (role: 'owner' | 'service'): Promise<Database> =>
    await createPool({ url: urls[role], applicationName: 'payments-test', size: 10 });
  const database = await open('service');
  const owner = await open('owner');
  const codec = createEventCodec({
    registryUrl: schemaRegistryUrl,
    schemas: [orderCreatedSchema, paymentSucceededSchema, paymentFailedSchema],
    logger,
  });
  await codec.start(AbortSignal.timeout(20_000));
  const registry = createMetrics();
  const metrics = createPaymentsMetrics(registry, database);
  const apply = applyOrderCreated({ codec, paymentsTopic, metrics });
  return {
    database,
    owner,
    databaseUrl: (role) => urls[role],
    codec,
    registry,
    metrics,
    consume: async (records) => await processRecords({ codec, database, apply }, records),
    openAccount: async (balance) => {
      const userId = newUserId();
      await insertAccount(database, { id: newAccountId(), userId, now: new Date() });
      if (balance > 0n)
        await topUpAccount(database, { userId, amount: balance, idempotencyKey: undefined, deadlineMs: soon() });
      return userId;
    },
    end: async () => {
      await database.end();
      await owner.end();
      await drop();
    },
  };
}

export interface TestOrder {
  readonly orderId: OrderId;
  readonly userId: UserId;
  readonly amount: bigint;
}

export const newOrder = (userId: UserId, amount: bigint): TestOrder => ({ orderId: newOrderId(), userId, amount });

let offset = 0n;

/** The record that Orders publishes for an order, at the next offset. */
export function recordOf(
  { codec }: PaymentsDatabase,
  order: TestOrder,
  change: (envelope: Envelope) => Envelope = (envelope) => envelope,
): EventRecord {
  const event = orderCreated({ ...order, description: 'books', createdAt: new Date('2026-01-02T03:04:05.678Z') });
  return {
    topic: ordersTopic,
    partition: 0,
    offset: offset++,
    key: Buffer.from(order.userId),
    value: codec.encode(change(toEnvelope(event))),
    timestampMs: Date.now(),
    headers: {},
  };
}

/** "SUCCEEDED", or the reason of the refusal. */
export async function outcomeOf({ owner }: PaymentsDatabase, { orderId }: TestOrder): Promise<string | undefined> {
  const row = await owner.maybeOne(
    sql.type(z.object({ outcome: z.string() }))`
      select coalesce(reason, status) as outcome from payments where order_id = ${orderId}`,
  );
  return row?.outcome;
}

export async function balanceOf({ owner }: PaymentsDatabase, userId: UserId): Promise<bigint> {
  return await owner.oneFirst(
    sql.type(z.object({ balance: z.bigint() }))`select balance from accounts where user_id = ${userId}`,
  );
}

export async function count({ owner }: PaymentsDatabase, table: string): Promise<number> {
  const rows = await owner.oneFirst(
    sql.type(z.object({ count: z.bigint() }))`select count(*) from ${sql.identifier([table])}`,
  );
  return Number(rows);
}

/** The events in the outbox, in the order in which they will be published. */
export async function outboxEvents({ owner, codec }: PaymentsDatabase) {
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

/** Invariants I1 and I2 of every account: the statement adds up to the balance, step by step, and is never below zero. */
export async function brokenAccounts({ owner }: PaymentsDatabase): Promise<readonly string[]> {
  return await owner.anyFirst(
    sql.type(z.object({ account_id: z.string() }))`
      with step as (
        select account_id, account_version, balance_after,
          sum(case type when 'CREDIT' then amount else -amount end)
            over (partition by account_id order by account_version) as expected,
          row_number() over (partition by account_id order by account_version) as number
        from transactions
      ), wrong_step as (
        select account_id from step where balance_after <> expected or account_version <> number
      ), wrong_end as (
        select id as account_id from accounts
        left join lateral (
          select balance_after, account_version from step where account_id = accounts.id
          order by account_version desc limit 1
        ) last on true
        where balance <> coalesce(balance_after, 0) or version <> coalesce(account_version, 0)
      ), wrong_debit as (
        select account_id from transactions
        left join payments on order_id = reference_order_id and status = 'SUCCEEDED' and payments.amount = transactions.amount
        where type = 'DEBIT' and order_id is null
      )
      select account_id from wrong_step union select account_id from wrong_end union select account_id from wrong_debit`,
  );
}
