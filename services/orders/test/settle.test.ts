import { newOrderId } from '@order-payments/kernel/ids.ts';
import { sql } from '@order-payments/platform/db/pool.ts';
import { afterAll, beforeEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Order } from '../src/domain/order.ts';
import {
  count,
  deadLetters,
  decidedAt,
  failed,
  newUserId,
  openOrdersDatabase,
  recordOf,
  request,
  soon,
  storedOrder,
  succeeded,
  type OrdersDatabase,
} from './orders-database.ts';

let orders: OrdersDatabase;
beforeAll(async () => {
  orders = await openOrdersDatabase();
});
beforeEach(async () => {
  await orders.owner.query(sql.unsafe`truncate dead_letters, inbox`);
});
afterAll(async () => {
  await orders.end();
});

const newOrder = async (): Promise<Order> => await orders.createOrder(request(), soon());
const nothing = { applied: 0, dead: 0, duplicate: 0, skipped: 0 };

describe('an outcome', () => {
  test('finishes its order, or cancels it with the reason, at the time when Payments decided', async () => {
    const [paid, poor, unknown] = [await newOrder(), await newOrder(), await newOrder()];
    const outcomes = [succeeded(paid), failed(poor), failed(unknown, 'ACCOUNT_NOT_FOUND')];
    expect(await orders.consume(outcomes.map((outcome) => recordOf(orders, outcome)))).toEqual({
      ...nothing,
      applied: 3,
    });
    expect(await storedOrder(orders, paid.id)).toMatchObject({ status: 'FINISHED', settled_at: decidedAt });
    expect(await storedOrder(orders, poor.id)).toMatchObject({
      status: 'CANCELED',
      cancel_reason: 'INSUFFICIENT_FUNDS',
    });
    expect(await storedOrder(orders, unknown.id)).toMatchObject({
      status: 'CANCELED',
      cancel_reason: 'ACCOUNT_NOT_FOUND',
    });
    expect(await orders.registry.metrics()).toContain('orders_settled_total{status="FINISHED"} 1');
  });

  test('that comes again changes nothing, known to the inbox or not', async () => {
    const order = await newOrder();
    await orders.consume([recordOf(orders, succeeded(order))]);
    expect(await orders.consume([recordOf(orders, succeeded(order))])).toEqual({ ...nothing, duplicate: 1 });
    await orders.owner.query(sql.unsafe`delete from inbox`);
    expect(await orders.consume([recordOf(orders, succeeded(order))])).toEqual({ ...nothing, applied: 1 });
    expect(await storedOrder(orders, order.id)).toMatchObject({ status: 'FINISHED', settled_at: decidedAt });
    expect(await deadLetters(orders)).toEqual([]);
  });

  test('for an order that is not there becomes a dead letter without an inbox row, and is applied when it comes later', async () => {
    const early = { id: newOrderId(), userId: newUserId() };
    expect(await orders.consume([recordOf(orders, succeeded(early))])).toEqual({ ...nothing, dead: 1 });
    expect(await deadLetters(orders)).toEqual(['there is no such order']);
    expect(await count(orders, 'inbox')).toBe(0);
    await orders.owner.query(sql.unsafe`
      insert into orders (id, user_id, amount, description, created_at) values (${early.id}, ${early.userId}, 1, '', now())`);
    expect(await orders.consume([recordOf(orders, succeeded(early))])).toEqual({ ...nothing, applied: 1 });
    expect(await storedOrder(orders, early.id)).toMatchObject({ status: 'FINISHED' });
  });

  test('that contradicts a terminal state becomes a dead letter and changes nothing', async () => {
    const [paid, poor, foreign] = [await newOrder(), await newOrder(), await newOrder()];
    await orders.consume([recordOf(orders, succeeded(paid)), recordOf(orders, failed(poor))]);
    const contradictions = [failed(paid), succeeded(poor), succeeded({ ...foreign, userId: newUserId() })];
    expect(await orders.consume(contradictions.map((outcome) => recordOf(orders, outcome)))).toEqual({
      ...nothing,
      dead: 3,
    });
    expect([...(await deadLetters(orders))].sort()).toEqual([
      'the order belongs to another user',
      'the order is CANCELED and cannot become FINISHED',
      'the order is FINISHED and cannot become CANCELED',
    ]);
    expect(await storedOrder(orders, paid.id)).toMatchObject({ status: 'FINISHED', cancel_reason: null });
    expect(await storedOrder(orders, poor.id)).toMatchObject({ status: 'CANCELED' });
    expect(await storedOrder(orders, foreign.id)).toMatchObject({ status: 'NEW' });
  });

  test('that contradicts another one of the same batch loses to the first', async () => {
    const order = await newOrder();
    const records = [recordOf(orders, failed(order)), recordOf(orders, succeeded(order))];
    expect(await orders.consume(records)).toEqual({ ...nothing, applied: 1, dead: 1 });
    expect(await storedOrder(orders, order.id)).toMatchObject({ status: 'CANCELED' });
  });

  test('that breaks a rule of the domain becomes a dead letter, and the others of its batch are applied', async () => {
    const order = await newOrder();
    const broken = [
      recordOf(orders, failed(await newOrder()), (event) => ({
        ...event,
        data: { ...event.data, reason: 'BAD_MOOD' },
      })),
      recordOf(orders, succeeded(await newOrder()), (event) => ({ ...event, data: { ...event.data, order_id: '7' } })),
      { ...recordOf(orders, succeeded(order)), value: Buffer.from('not an event') },
    ];
    expect(await orders.consume([...broken, recordOf(orders, succeeded(order))])).toEqual({
      ...nothing,
      applied: 1,
      dead: 3,
    });
    expect(await storedOrder(orders, order.id)).toMatchObject({ status: 'FINISHED' });
  });
});

test('300 outcomes are one batch, and two consumers with the same batch settle each order once', async () => {
  const created = await Promise.all(Array.from({ length: 300 }, newOrder));
  const batch = created.map((order) => recordOf(orders, succeeded(order)));
  const [one, other] = await Promise.all([orders.consume(batch), orders.consume(batch.toReversed())]);
  expect(one.applied + other.applied).toBe(300);
  expect(one.duplicate + other.duplicate).toBe(300);
  const states = await Promise.all(created.map(async ({ id }) => (await storedOrder(orders, id)).status));
  expect(new Set(states)).toEqual(new Set(['FINISHED']));
});

test('the table refuses a terminal state without its time and a cancellation without its reason', async () => {
  const { id } = await newOrder();
  for (const change of [
    sql.fragment`status = 'FINISHED'`,
    sql.fragment`status = 'CANCELED', settled_at = now()`,
    sql.fragment`cancel_reason = 'INSUFFICIENT_FUNDS'`,
    sql.fragment`settled_at = now()`,
    sql.fragment`status = 'PAID'`,
  ])
    await expect(orders.owner.query(sql.unsafe`update orders set ${change} where id = ${id}`)).rejects.toThrow();
});
