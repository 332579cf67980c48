import { newAccountId, type OrderId } from '@order-payments/kernel/ids.ts';
import { createPool, sql, type Database } from '@order-payments/platform/db/pool.ts';
import { eventually } from '@order-payments/local/test-kit/eventually.ts';
import { startServices, type TestServices } from '@order-payments/local/test-kit/start-services.ts';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';

// The five real processes: what the sweeper does is only right if Payments takes it for what it is.
let services: TestServices;
let orders: Database;
let payments: Database;
beforeAll(async () => {
  const hasty = { SWEEP_OVERDUE_MS: '6000', SWEEP_INTERVAL_MS: '300', SWEEP_BACKOFF_MS: '1000' };
  services = await startServices({ partEnv: { orders: hasty } });
  const open = async (url: string): Promise<Database> => await createPool({ url, applicationName: 'test', size: 2 });
  [orders, payments] = await Promise.all([
    open(services.databases.orders.urls.owner),
    open(services.databases.payments.urls.owner),
  ]);
}, 90_000);
afterAll(async () => {
  await orders.end();
  await payments.end();
  await services.stop();
}, 30_000);

async function post(path: string, body: unknown): Promise<{ id: OrderId }> {
  const response = await fetch(`${services.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(201);
  return (await response.json()) as { id: OrderId };
}

async function openAccount(balance: number): Promise<string> {
  const userId = newAccountId();
  await post('/accounts', { user_id: userId });
  await post(`/accounts/${userId}/top-ups`, { amount: balance });
  return userId;
}

const balanceOf = async (userId: string): Promise<bigint> =>
  await payments.oneFirst(
    sql.type(z.object({ balance: z.bigint() }))`select balance from accounts where user_id = ${userId}`,
  );

const statusRow = z.object({ status: z.string(), sweep_count: z.number() });
const untilSettled = async (orderId: OrderId): Promise<z.output<typeof statusRow>> =>
  await eventually(
    async () => {
      const row = await orders.one(sql.type(statusRow)`select status, sweep_count from orders where id = ${orderId}`);
      expect(row.status).not.toBe('NEW');
      return row;
    },
    { timeoutMs: 30_000 },
  );

/** Loses the next event of a database, which its relay does not get to see. */
async function losingAnEvent(database: Database, relay: string, work: () => Promise<OrderId>): Promise<OrderId> {
  services.part(relay).kill('SIGSTOP');
  try {
    const orderId = await work();
    await eventually(
      async () => {
        const { rowCount } = await database.query(sql.unsafe`delete from outbox`);
        expect(rowCount).toBe(1);
      },
      { timeoutMs: 10_000 },
    );
    return orderId;
  } finally {
    services.part(relay).kill('SIGCONT');
  }
}

test('an order whose event was lost is paid once', async () => {
  const userId = await openAccount(1_000);
  const orderId = await losingAnEvent(orders, 'outbox-relay-orders', async () => {
    return (await post('/orders', { user_id: userId, amount: 600, description: 'books' })).id;
  });
  expect(await untilSettled(orderId)).toMatchObject({ status: 'FINISHED' });
  expect(await balanceOf(userId)).toBe(400n);
}, 60_000);

test('an order whose outcome was lost becomes what Payments decided, and is debited no second time', async () => {
  const userId = await openAccount(1_000);
  const orderId = await losingAnEvent(payments, 'outbox-relay-payments', async () => {
    return (await post('/orders', { user_id: userId, amount: 600, description: 'books' })).id;
  });
  expect(await untilSettled(orderId)).toEqual({ status: 'FINISHED', sweep_count: 1 });
  expect(await balanceOf(userId)).toBe(400n);
}, 60_000);
