import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { eventually } from '../../../local/src/test-kit/eventually.ts';
import { startServices, type TestServices } from '../../../local/src/test-kit/start-services.ts';
import { createClient, untilAnswered, readAll, type Client } from './client.ts';

let services: TestServices;
let client: Client;
beforeAll(async () => {
  services = await startServices();
  client = createClient(services.url);
}, 120_000);
afterAll(async () => {
  await services.stop();
});

async function userWith(balance: number): Promise<string> {
  const userId = randomUUID();
  await client.createAccount(userId);
  await client.topUp(userId, balance);
  return userId;
}

describe('an order', () => {
  test('is accepted as NEW, read where Location says, and paid a moment later', async () => {
    const userId = await userWith(1000);
    const created = await client.createOrder({
      user_id: userId.toUpperCase(),
      amount: 600,
      description: 'Zwei Bücher 📚',
    });
    expect(created).toMatchObject({
      status: 201,
      body: { user_id: userId, amount: 600, description: 'Zwei Bücher 📚', status: 'NEW', cancel_reason: null },
    });
    const id = String(created.body['id']);
    expect(created.headers.get('location')).toBe(`/orders/${id}`);
    expect(created.headers.get('preference-applied')).toBeNull();
    await eventually(
      async () => expect((await client.getOrder(id)).body).toMatchObject({ status: 'FINISHED', cancel_reason: null }),
      { timeoutMs: 20_000 },
    );
    expect((await client.getAccount(userId)).body['balance']).toBe(400);
    const statement = (await client.listTransactions(userId)).body['transactions'];
    expect(statement).toMatchObject([
      { type: 'DEBIT', amount: 600, order_id: id, balance_after: 400 },
      { type: 'CREDIT', amount: 1000, order_id: null, balance_after: 1000 },
    ]);
  });

  test('comes settled with Prefer: wait, whichever way it is settled', async () => {
    const userId = await userWith(1000);
    const wait = { prefer: 'wait=10' };
    const paid = await client.createOrder({ user_id: userId, amount: 600 }, wait);
    expect(paid).toMatchObject({ status: 201, body: { status: 'FINISHED' } });
    expect(paid.headers.get('preference-applied')).toBe('wait=10');
    expect(await client.createOrder({ user_id: userId, amount: 600 }, wait)).toMatchObject({
      status: 201,
      body: { status: 'CANCELED', cancel_reason: 'INSUFFICIENT_FUNDS' },
    });
    expect(await client.createOrder({ user_id: randomUUID(), amount: 600 }, wait)).toMatchObject({
      status: 201,
      body: { status: 'CANCELED', cancel_reason: 'ACCOUNT_NOT_FOUND' },
    });
  });

  test('waits for at most 10 s, and not at all with wait=0', async () => {
    const userId = await userWith(1000);
    const clamped = await client.createOrder({ user_id: userId, amount: 1 }, { prefer: 'wait=3600' });
    expect(clamped.headers.get('preference-applied')).toBe('wait=10');
    const none = await client.createOrder({ user_id: userId, amount: 1 }, { prefer: 'wait=0' });
    expect([none.headers.get('preference-applied'), none.body['status']]).toEqual(['wait=0', 'NEW']);
  });

  test('that is unknown is 404', async () => {
    expect(await client.getOrder(randomUUID())).toMatchObject({ status: 404, body: { code: 'ORDER_NOT_FOUND' } });
  });
});

describe('an Idempotency-Key', () => {
  test('gives the same order, as it is now; with another body it is refused; other users have keys of their own', async () => {
    const userId = await userWith(1000);
    const order = { user_id: userId, amount: 100 };
    const first = await client.createOrder(order, { key: 'k-1', prefer: 'wait=10' });
    const again = await client.createOrder(order, { key: 'k-1' });
    expect(again).toMatchObject({ status: 201, body: first.body });
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    for (const other of [
      { ...order, amount: 101 },
      { ...order, description: 'Three books' },
    ])
      expect(await client.createOrder(other, { key: 'k-1' })).toMatchObject({
        status: 422,
        body: { code: 'IDEMPOTENCY_KEY_REUSED' },
      });
    const elsewhere = await client.createOrder({ ...order, user_id: randomUUID() }, { key: 'k-1' });
    expect(elsewhere.status).toBe(201);
    expect(elsewhere.body['id']).not.toBe(first.body['id']);
  });

  test('makes one order of fifty at the same time, for each of twenty keys', async () => {
    const userId = await userWith(1_000_000);
    const posts = Array.from({ length: 20 * 50 }, async (_, i) =>
      untilAnswered(async () => client.createOrder({ user_id: userId, amount: 10 }, { key: `storm-${i % 20}` })),
    );
    const answers = await Promise.all(posts);
    expect(answers.filter(({ status }) => status !== 201).map(({ body }) => body)).toEqual([]);
    expect(new Set(answers.map(({ body }) => body['id'])).size).toBe(20);
    await eventually(async () => expect((await client.getAccount(userId)).body['balance']).toBe(1_000_000 - 20 * 10), {
      timeoutMs: 60_000,
    });
  }, 180_000);
});

describe("a user's orders", () => {
  test('are listed once each, newest first, page by page, and by status', async () => {
    const userId = await userWith(10);
    const ids: string[] = [];
    for (const amount of [1, 2, 100, 3, 4]) {
      const { body } = await client.createOrder({ user_id: userId, amount }, { prefer: 'wait=10' });
      ids.unshift(String(body['id']));
    }
    const all = await readAll('orders', async (cursor) => client.listOrders(userId, `&limit=2${cursor}`));
    expect(all.entries.map(({ id }) => id)).toEqual(ids);
    const canceled = await readAll('orders', async (cursor) => client.listOrders(userId, `&status=CANCELED${cursor}`));
    expect(canceled.entries.map(({ amount }) => amount)).toEqual([100]);
    const finished = await readAll('orders', async (cursor) =>
      client.listOrders(userId, `&status=FINISHED&limit=1${cursor}`),
    );
    expect(finished.entries.map(({ amount }) => amount)).toEqual([4, 3, 2, 1]);
    expect((await client.listOrders(randomUUID())).body).toEqual({ orders: [], next_cursor: null });
  });

  test("refuse another list's cursor", async () => {
    const userId = await userWith(10);
    for (const amount of [1, 2, 3]) await client.createOrder({ user_id: userId, amount });
    const cursor = String((await client.listOrders(userId, '&limit=1')).body['next_cursor']);
    for (const list of [
      await client.listOrders(randomUUID(), `&cursor=${cursor}`),
      await client.listOrders(userId, `&status=NEW&cursor=${cursor}`),
      await client.listOrders(userId, `&cursor=${cursor}x`),
    ])
      expect(list).toMatchObject({ status: 400, body: { code: 'INVALID_CURSOR' } });
  });
});
