import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { orderCreated, toEnvelope } from '@order-payments/contracts/events.ts';
import { allSchemas } from '@order-payments/contracts/schemas.ts';
import { newOrderId, parseUserId, type OrderId } from '@order-payments/kernel/ids.ts';
import { eventually } from '@order-payments/local/test-kit/eventually.ts';
import { startServices, type TestServices } from '@order-payments/local/test-kit/start-services.ts';
import { createEventCodec } from '@order-payments/platform/kafka/event-codec.ts';
import { createLogger } from '@order-payments/platform/logger.ts';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { insertRows, orderRow } from './support/seed.ts';
import { ops, type OpsResult } from './support/two-databases.ts';

let services: TestServices;

beforeAll(async () => {
  services = await startServices();
}, 120_000);
afterAll(async () => {
  await services.stop();
}, 60_000);

async function run(...args: string[]): Promise<OpsResult> {
  return await ops(args, {
    ORDERS_DATABASE_URL: services.databases.orders.urls.ops,
    PAYMENTS_DATABASE_URL: services.databases.payments.urls.ops,
    SCHEMA_REGISTRY_URL: services.surroundings.schemaRegistryUrl,
  });
}

async function post(path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${services.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(201);
  return (await response.json()) as Record<string, unknown>;
}

async function statusOf(orderId: string): Promise<unknown> {
  const response = await fetch(`${services.url}/orders/${orderId}`);
  return ((await response.json()) as Record<string, unknown>)['status'];
}

async function userWithMoney(amount: number): Promise<string> {
  const userId = randomUUID();
  await post('/accounts', { user_id: userId });
  await post(`/accounts/${userId}/top-ups`, { amount });
  return userId;
}

async function settled(orderId: string, status: string): Promise<void> {
  await eventually(async () => expect(await statusOf(orderId)).toBe(status), { timeoutMs: 20_000 });
}

test('the timeline of a paid order tells every step, and the money is right', async () => {
  const userId = await userWithMoney(1_000);
  const order = await post('/orders', { user_id: userId, amount: 600, description: 'a book' });
  await settled(String(order['id']), 'FINISHED');

  const { code, out } = await run('timeline', String(order['id']));
  const steps = [
    /orders +order of 600 written/,
    /payments +OrderCreated received from orders\.events\.\w+\[\d+\]@\d+/,
    /payments +payment SUCCEEDED/,
    /payments +DEBIT of 600, balance after it 400/,
    /orders +PaymentSucceeded received from payments\.events\.\w+\[\d+\]@\d+/,
    /The order is FINISHED, decided at/,
  ];
  for (const step of steps) expect(out).toMatch(step);
  expect(steps.map((step) => out.search(step))).toEqual(steps.map((step) => out.search(step)).sort((a, b) => a - b));
  expect(code).toBe(0);

  const reconciled = await run('reconcile', '--settle-within', '0', '--pause', '1');
  expect(reconciled.out).toContain('All is well');
  expect(reconciled.code).toBe(0);
}, 60_000);

test('an order that nobody knows gets a clear sentence', async () => {
  const { code, err } = await run('timeline', newOrderId());
  expect(err).toContain('Neither Orders nor Payments knows an order');
  expect(code).toBe(2);
  expect((await run('timeline', 'x')).err).toContain('not the id of an order');
});

test('an order whose event died is settled by a redrive, and redriving by force again debits nothing', async () => {
  const userId = parseUserId(await userWithMoney(1_000));
  const order = { id: newOrderId(), userId, amount: 600, status: 'NEW' as const };
  await writeOrderWhoseEventDied(order);

  const standing = await run('timeline', order.id);
  expect(standing.out).toMatch(/OrderCreated is dead letter \d+ of payments/);
  expect((await run('dead-letters', 'redrive', '--all')).out).toContain('1 redriven');
  await settled(order.id, 'FINISHED');

  const [letter] = JSON.parse((await run('dead-letters', 'list', '--state', 'REDRIVEN', '--json')).out) as Array<{
    id: number;
  }>;
  const again = await run('dead-letters', 'redrive', '--service', 'payments', String(letter?.id), '--force');
  expect(again.out).toContain('1 redriven');
  await outboxEmpty();
  // An order that the same user places after it: when it is settled, the repeated record has been read.
  const next = await post('/orders', { user_id: userId, amount: 1, description: 'after it' });
  await settled(String(next['id']), 'FINISHED');

  const account = (await (await fetch(`${services.url}/accounts/${userId}`)).json()) as Record<string, unknown>;
  expect(account['balance']).toBe(399);
  expect((await run('reconcile', '--pause', '1')).code).toBe(0);
}, 60_000);

async function writeOrderWhoseEventDied(order: {
  id: OrderId;
  userId: ReturnType<typeof parseUserId>;
  amount: number;
  status: 'NEW';
}): Promise<void> {
  const codec = createEventCodec({
    registryUrl: services.surroundings.schemaRegistryUrl,
    schemas: allSchemas,
    logger: createLogger({ service: 'test', level: 'silent' }),
  });
  await codec.start(new AbortController().signal);
  const createdAt = new Date();
  const event = orderCreated({
    orderId: order.id,
    userId: order.userId,
    amount: BigInt(order.amount),
    description: 'seeded',
    createdAt,
  });
  await asSuperuser('orders', (client) => insertRows(client, 'orders', [orderRow(order, createdAt)]));
  await asSuperuser('payments', (client) =>
    client.query(
      `insert into dead_letters (topic, partition, record_offset, key, value, headers, event_id, why)
       values ($1, 0, 1000000, $2, $3, '{}', $4, 'a schema that was missing for a while')`,
      [services.topics.orders, Buffer.from(order.userId), codec.encode(toEnvelope(event)), event.event_id],
    ),
  );
}

async function outboxEmpty(): Promise<void> {
  await eventually(
    () =>
      asSuperuser('payments', async (client) => {
        const { rows } = await client.query('select id from outbox');
        expect(rows).toEqual([]);
      }),
    { timeoutMs: 20_000 },
  );
}

async function asSuperuser(
  service: 'orders' | 'payments',
  work: (client: pg.Client) => Promise<unknown>,
): Promise<void> {
  const client = new pg.Client({ connectionString: services.databases[service].urls.superuser });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

test('smoke goes the whole way through the gateway, and says where there is none', async () => {
  const good = await run('smoke', '--url', services.url);
  expect(good).toMatchObject({ code: 0, err: '' });
  expect(good.out).toContain('another becomes: CANCELED');
  expect(good.out).toContain('the balance is: 400');
  const nowhere = await run('smoke', '--url', 'http://127.0.0.1:1');
  expect(nowhere.code).toBe(2);
  expect(nowhere.err).toContain('http://127.0.0.1:1 did not answer /accounts');
});
