import {
  eventIdOf,
  newAccountId,
  newOrderId,
  newTransactionId,
  type OrderId,
  type UserId,
} from '@order-payments/kernel/ids.ts';
import { randomUUID } from 'node:crypto';
import type pg from 'pg';

export interface SeededOrder {
  readonly id: OrderId;
  readonly userId: UserId;
  readonly amount: number;
  readonly status: 'NEW' | 'FINISHED' | 'CANCELED';
}

export interface Seeded {
  readonly orders: readonly SeededOrder[];
  readonly accounts: ReadonlyArray<{ id: string; userId: string }>;
  readonly finished: SeededOrder;
  readonly canceled: SeededOrder;
}

const users = 7;
const credit = 1_000_000_000;
const beganMs = 3_600_000;

/**
 * A platform's past as both databases keep it when all went well: orders paid, every fifth refused, the last two still in
 * flight. The last two are the only ones that are not settled.
 */
export async function seed(orders: pg.Client, payments: pg.Client, count: number): Promise<Seeded> {
  const startMs = Date.now() - beganMs;
  const accounts = Array.from({ length: users }, () => ({
    id: newAccountId(),
    userId: randomUUID(),
    balance: credit,
    version: 1,
  }));
  const transactions: object[] = accounts.map((account) => ({
    ...transactionOf(account, credit, new Date(startMs)),
    type: 'CREDIT',
  }));
  // The past of which the inboxes know nothing in particular: they remember as far back as this.
  const ordersInbox = [inboxRow(randomUUID(), 'payments.events', 0, startMs - beganMs)];
  const paymentsInbox = [inboxRow(randomUUID(), 'orders.events', 0, startMs - beganMs)];
  const orderRows: object[] = [];
  const paymentRows: object[] = [];
  const seeded: SeededOrder[] = [];

  for (let number = 0; number < count; number += 1) {
    const account = accounts[number % users];
    if (account === undefined) throw new Error('there is no account');
    const isNew = number >= count - 2;
    const createdMs = isNew ? Date.now() : startMs + number;
    const created = new Date(createdMs);
    const order = {
      id: newOrderId(),
      userId: account.userId as UserId,
      amount: 10 + (number % 90),
      status: isNew ? 'NEW' : number % 5 === 4 ? 'CANCELED' : 'FINISHED',
    } as const;
    seeded.push(order);
    orderRows.push(orderRow(order, created));
    if (order.status === 'NEW') continue;
    const isPaid = order.status === 'FINISHED';
    paymentsInbox.push(inboxRow(eventIdOf(order.id, 'OrderCreated'), 'orders.events', number, createdMs + 20));
    ordersInbox.push(
      inboxRow(
        eventIdOf(order.id, isPaid ? 'PaymentSucceeded' : 'PaymentFailed'),
        'payments.events',
        number,
        createdMs + 40,
      ),
    );
    paymentRows.push(paymentRow(order, new Date(createdMs + 30)));
    if (!isPaid) continue;
    account.balance -= order.amount;
    account.version += 1;
    transactions.push({
      ...transactionOf(account, order.amount, new Date(createdMs + 30)),
      type: 'DEBIT',
      reference_order_id: order.id,
    });
  }

  await insertRows(orders, 'orders', orderRows);
  await insertRows(orders, 'inbox', ordersInbox);
  await insertRows(
    payments,
    'accounts',
    accounts.map(({ id, userId, balance, version }) => ({
      id,
      user_id: userId,
      balance,
      version,
      updated_at: new Date(),
    })),
  );
  await insertRows(payments, 'transactions', transactions);
  await insertRows(payments, 'payments', paymentRows);
  await insertRows(payments, 'inbox', paymentsInbox);
  return { orders: seeded, accounts, finished: firstOf(seeded, 'FINISHED'), canceled: firstOf(seeded, 'CANCELED') };
}

/** Rows by their columns' names; columns that are not named are null. */
export async function insertRows(client: pg.Client, tableName: string, rows: readonly object[]): Promise<void> {
  if (rows.length === 0) return;
  await client.query(`insert into ${tableName} select * from json_populate_recordset(null::${tableName}, $1)`, [
    JSON.stringify(rows),
  ]);
}

export function orderRow(order: SeededOrder, created: Date): object {
  return {
    id: order.id,
    user_id: order.userId,
    amount: order.amount,
    description: 'seeded',
    status: order.status,
    cancel_reason: order.status === 'CANCELED' ? 'INSUFFICIENT_FUNDS' : null,
    created_at: created,
    settled_at: order.status === 'NEW' ? null : new Date(created.getTime() + 30),
    sweep_count: 0,
  };
}

function paymentRow(order: SeededOrder, decided: Date): object {
  const isPaid = order.status === 'FINISHED';
  return {
    order_id: order.id,
    user_id: order.userId,
    amount: order.amount,
    status: isPaid ? 'SUCCEEDED' : 'FAILED',
    reason: isPaid ? null : 'INSUFFICIENT_FUNDS',
    created_at: decided,
  };
}

function transactionOf(
  account: { id: string; balance: number; version: number },
  amount: number,
  created: Date,
): object {
  return {
    id: newTransactionId(),
    account_id: account.id,
    account_version: account.version,
    amount,
    balance_after: account.balance,
    created_at: created,
  };
}

function inboxRow(eventId: string, topic: string, offset: number, receivedMs: number): object {
  return {
    event_id: eventId,
    topic,
    partition: offset % 12,
    record_offset: offset,
    data_hash: '\\x00',
    received_at: new Date(receivedMs),
  };
}

function firstOf(seeded: readonly SeededOrder[], status: SeededOrder['status']): SeededOrder {
  const found = seeded.find((order) => order.status === status);
  if (found === undefined) throw new Error(`there is no ${status} order: seed more`);
  return found;
}
