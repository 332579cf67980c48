import { openLossyLink, type LossyLink } from '@order-payments/local/test-kit/lossy-link.ts';
import { eventIdOf } from '@order-payments/kernel/ids.ts';
import { createPool, sql } from '@order-payments/platform/db/pool.ts';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { CreateOrder } from '../src/commands/create-order.ts';
import {
  count,
  newUserId,
  openOrdersDatabase,
  outboxEvents,
  request,
  soon,
  type OrdersDatabase,
} from './orders-database.ts';

let orders: OrdersDatabase;
beforeAll(async () => {
  orders = await openOrdersDatabase();
});
afterAll(async () => {
  await orders.end();
});

async function ordersAndEventsOf(userId: string): Promise<{ orders: number; events: number }> {
  const row = await orders.owner.one(sql.type(z.object({ orders: z.bigint(), events: z.bigint() }))`
    select (select count(*) from orders where user_id = ${userId}) as orders,
      (select count(*) from outbox where key = ${userId}) as events`);
  return { orders: Number(row.orders), events: Number(row.events) };
}

describe('an order', () => {
  test('is written NEW with its event, and the relay is woken', async () => {
    const before = orders.wakeUps();
    const asked = request({ description: 'two "books" and a pen \\ é 🖋' });
    const order = await orders.createOrder(asked, soon());
    expect(order).toMatchObject({ status: 'NEW', amount: 600n, description: asked.description, userId: asked.userId });
    expect(orders.wakeUps()).toBe(before + 1);
    const event = (await outboxEvents(orders)).find(({ key }) => key === asked.userId);
    expect(event).toMatchObject({ eventId: eventIdOf(order.id, 'OrderCreated'), topic: 'orders.events' });
    expect(event?.envelope).toEqual({
      event_id: event?.eventId,
      event_type: 'OrderCreated',
      occurred_at: order.createdAt.getTime(),
      data: { order_id: order.id, user_id: asked.userId, amount: 600, description: asked.description },
    });
  });

  test('without a key is another one each time', async () => {
    const asked = request();
    const [first, second] = [await orders.createOrder(asked, soon()), await orders.createOrder(asked, soon())];
    expect(first.id).not.toBe(second.id);
    expect(await ordersAndEventsOf(asked.userId)).toEqual({ orders: 2, events: 2 });
  });

  test('is the same for the same key, and refused for the key with another body', async () => {
    const asked = request({ idempotencyKey: 'once' });
    const first = await orders.createOrder(asked, soon());
    expect(await orders.createOrder(asked, soon())).toEqual(first);
    for (const other of [{ amount: 601n }, { description: 'pens' }])
      await expect(orders.createOrder({ ...asked, ...other }, soon())).rejects.toMatchObject({
        code: 'IDEMPOTENCY_KEY_REUSED',
      });
    expect(await ordersAndEventsOf(asked.userId)).toEqual({ orders: 1, events: 1 });
    // The scope of a key is its user.
    expect((await orders.createOrder({ ...asked, userId: newUserId() }, soon())).id).not.toBe(first.id);
  });

  test('is answered as it is now when its key comes again', async () => {
    const asked = request({ idempotencyKey: 'later' });
    const { id } = await orders.createOrder(asked, soon());
    await orders.owner.query(sql.unsafe`update orders set status = 'FINISHED', settled_at = now() where id = ${id}`);
    expect(await orders.createOrder(asked, soon())).toMatchObject({ id, status: 'FINISHED' });
  });

  test('of two rows with one key in one batch is one order and one event, and both are answered', async () => {
    const asked = request({ idempotencyKey: 'twice' });
    const three = [asked, asked, { ...asked, amount: 1n }].map((each) => orders.createOrder(each, soon()));
    const [first, second, third] = await Promise.allSettled(three);
    expect(second).toEqual(first);
    expect(first).toMatchObject({ status: 'fulfilled' });
    expect(third).toMatchObject({ status: 'rejected', reason: { code: 'IDEMPOTENCY_KEY_REUSED' } });
    expect(await ordersAndEventsOf(asked.userId)).toEqual({ orders: 1, events: 1 });
  });
});

test('a storm of 200 keys in 50 calls each, over two replicas, makes 200 orders and one answer a key', async () => {
  const userId = newUserId();
  const replica = orders.prepareCreateOrder(orders.database);
  const calls = Array.from({ length: 10_000 }, (_, index) => index).sort(() => Math.random() - 0.5);
  const answers = await Promise.all(
    calls.map(async (index) => {
      const createOrder = index % 2 === 0 ? orders.createOrder : replica;
      const { id } = await createOrder(request({ userId, idempotencyKey: `key-${index % 200}` }), Date.now() + 50_000);
      return `${index % 200} ${id}`;
    }),
  );
  expect(new Set(answers).size).toBe(200);
  const deadlocks = await orders.owner.oneFirst(sql.type(z.object({ deadlocks: z.bigint() }))`
    select deadlocks from pg_stat_database where datname = current_database()`);
  expect(deadlocks).toBe(0n);
  expect(await ordersAndEventsOf(userId)).toEqual({ orders: 200, events: 200 });
}, 60_000);

/** Another replica, whose link to the database loses the answers that a test says. */
async function withLossyReplica(work: (createOrder: CreateOrder, link: LossyLink) => Promise<void>): Promise<void> {
  const link = await openLossyLink(orders.port);
  const url = new URL(orders.databaseUrl('service'));
  url.port = String(link.port);
  const database = await createPool({ url: url.toString(), applicationName: 'orders-test', size: 3 });
  try {
    await work(orders.prepareCreateOrder(database), link);
  } finally {
    await database.end();
    await link.close();
  }
}

describe('trouble with the database', () => {
  test('a COMMIT whose answer is lost makes no second order, with a key or without', async () => {
    await withLossyReplica(async (createOrder, link) => {
      const userId = newUserId();
      link.loseAnswersTo('insert into orders', 2);
      const answers = await Promise.all(
        Array.from({ length: 300 }, (_, index) => {
          const idempotencyKey = index % 2 === 0 ? `key-${index}` : undefined;
          return createOrder(request({ userId, idempotencyKey }), soon());
        }),
      );
      expect(link.lost()).toBe(2);
      expect(new Set(answers.map(({ id }) => id)).size).toBe(300);
      expect(await ordersAndEventsOf(userId)).toEqual({ orders: 300, events: 300 });
    });
  });

  test('UNAVAILABLE after a bounded number of attempts, none of which made another order', async () => {
    await withLossyReplica(async (createOrder, link) => {
      const asked = request({ idempotencyKey: 'unknown' });
      link.loseAnswersTo('insert into orders', 1_000);
      await expect(createOrder(asked, soon())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(await ordersAndEventsOf(asked.userId)).toEqual({ orders: 1, events: 1 });
      // The outcome was unknown to the caller, and the same key resolves it.
      expect(await orders.createOrder(asked, soon())).toMatchObject({ status: 'NEW' });
      expect(await ordersAndEventsOf(asked.userId)).toEqual({ orders: 1, events: 1 });
    });
  });

  test('one row that breaks a constraint fails alone, and the others of its batch are written', async () => {
    const userId = newUserId();
    // The domain does not let it so far: the table has the last word.
    const calls = [1n, 2n, 0n, 4n, 5n].map((amount) => orders.createOrder(request({ userId, amount }), soon()));
    const results = await Promise.allSettled(calls);
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(await ordersAndEventsOf(userId)).toEqual({ orders: 4, events: 4 });
  });

  test.each([
    ['amount', { amount: 2n ** 53n }],
    ['description', { description: 'x'.repeat(501) }],
    ['idempotency_key', { idempotencyKey: 'x'.repeat(256) }],
  ])('the table refuses %s out of its range whoever asks', async (_field, change) => {
    const before = await count(orders, 'orders');
    await expect(orders.createOrder(request(change), soon())).rejects.toThrow();
    expect(await count(orders, 'orders')).toBe(before);
  });
});

describe('the limits of the queue', () => {
  test('refuse a call beyond the length and one whose deadline is over, and nothing is written for them', async () => {
    const createOrder = orders.prepareCreateOrder(orders.database, { slots: 1, batchSizeMax: 2, lengthMax: 3 });
    const userId = newUserId();
    const calls = [soon(), Date.now() - 1, soon(), soon()].map((deadline) =>
      createOrder(request({ userId }), deadline),
    );
    expect(createOrder.queueLength()).toBe(3);
    const [first, expired, third, beyond] = await Promise.allSettled(calls);
    expect([first?.status, third?.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(expired).toMatchObject({ reason: { code: 'DEADLINE_EXCEEDED' } });
    expect(beyond).toMatchObject({ reason: { code: 'OVERLOADED' } });
    expect(await ordersAndEventsOf(userId)).toEqual({ orders: 2, events: 2 });
  });

  test('stop answers the calls that wait and refuses new ones', async () => {
    const createOrder = orders.prepareCreateOrder(orders.database, { slots: 1, batchSizeMax: 2, lengthMax: 100 });
    const userId = newUserId();
    const calls = Array.from({ length: 9 }, () => createOrder(request({ userId }), soon()));
    const stopped = createOrder.stop();
    await expect(createOrder(request({ userId }), soon())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await stopped;
    expect(await ordersAndEventsOf(userId)).toEqual({ orders: 9, events: 9 });
    await Promise.all(calls);
  });
});
