import { eventIdOf, type OrderId } from '@order-payments/kernel/ids.ts';
import { sql, type Connection } from '@order-payments/platform/db/pool.ts';
import { z } from 'zod';
import type { EventTrace, TimelineFacts, TimelineOrder } from '../domain/timeline.ts';
import { selectLettersOfEvent } from './dead-letters.ts';

const orderRow = z
  .object({
    user_id: z.string(),
    amount: z.bigint(),
    status: z.string(),
    cancel_reason: z.string().nullable(),
    created_at: z.date(),
    settled_at: z.date().nullable(),
    swept_at: z.date().nullable(),
    sweep_count: z.number(),
  })
  .transform((row): TimelineOrder => ({
    userId: row.user_id,
    amount: row.amount,
    status: row.status,
    cancelReason: row.cancel_reason,
    createdAt: row.created_at,
    settledAt: row.settled_at,
    sweptAt: row.swept_at,
    sweepCount: row.sweep_count,
  }));

const paymentRow = z
  .object({
    status: z.string(),
    reason: z.string().nullable(),
    amount: z.bigint(),
    user_id: z.string(),
    created_at: z.date(),
  })
  .transform(({ user_id, created_at, ...row }) => ({ ...row, userId: user_id, createdAt: created_at }));

const debitRow = z
  .object({ id: z.string(), amount: z.bigint(), balance_after: z.bigint(), created_at: z.date() })
  .transform((row) => ({ id: row.id, amount: row.amount, balanceAfter: row.balance_after, createdAt: row.created_at }));

const outboxRow = z
  .object({ id: z.bigint(), created_at: z.date() })
  .transform((row) => ({ id: row.id, createdAt: row.created_at }));

const inboxRow = z
  .object({ topic: z.string(), partition: z.number(), record_offset: z.bigint(), received_at: z.date() })
  .transform((row) => ({
    topic: row.topic,
    partition: row.partition,
    offset: row.record_offset,
    receivedAt: row.received_at,
  }));

const rowsMax = 100;

/** Along the order's way, so that what is found later has happened later. */
export async function findTimelineFacts(
  databases: { readonly orders: Connection; readonly payments: Connection },
  orderId: OrderId,
): Promise<TimelineFacts> {
  const { orders, payments } = databases;
  return {
    order: await orders.maybeOne(sql.type(orderRow)`
      select user_id, amount, status, cancel_reason, created_at, settled_at, swept_at, sweep_count
      from orders where id = ${orderId}`),
    created: await traceEvent(orderId, 'OrderCreated', { from: orders, to: payments }),
    payment: await payments.maybeOne(sql.type(paymentRow)`
      select status, reason, amount, user_id, created_at from payments where order_id = ${orderId}`),
    debits: await payments.any(sql.type(debitRow)`
      select id, amount, balance_after, created_at from transactions
      where type = 'DEBIT' and reference_order_id = ${orderId} order by created_at limit ${rowsMax}`),
    outcomes: [
      await traceEvent(orderId, 'PaymentSucceeded', { from: payments, to: orders }),
      await traceEvent(orderId, 'PaymentFailed', { from: payments, to: orders }),
    ],
  };
}

async function traceEvent(
  orderId: OrderId,
  eventType: string,
  way: { from: Connection; to: Connection },
): Promise<EventTrace> {
  const eventId = eventIdOf(orderId, eventType);
  return {
    eventType,
    eventId,
    outbox: await way.from.any(sql.type(outboxRow)`
      select id, created_at from outbox where event_id = ${eventId} order by id limit ${rowsMax}`),
    deadLetters: await selectLettersOfEvent(way.to, eventId, rowsMax),
    inbox: await way.to.maybeOne(sql.type(inboxRow)`
      select topic, partition, record_offset, received_at from inbox where event_id = ${eventId}`),
  };
}
