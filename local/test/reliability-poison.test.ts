import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newOrderId } from '@order-payments/kernel/ids.ts';
import { Kafka, logLevel } from 'kafkajs';
import type { Producer } from 'kafkajs';
import { PARTITIONS } from '../src/infrastructure/topics.ts';
import { ClientWithHistory } from '../src/test-kit/client-with-history.ts';
import { untilConsumed } from '../src/test-kit/consumer-groups.ts';
import { readCounter } from '../src/test-kit/counter.ts';
import { eventBytes } from '../src/test-kit/event-bytes.ts';
import type { RawEvent } from '../src/test-kit/event-bytes.ts';
import { eventually } from '../src/test-kit/eventually.ts';
import { connectAsSuperuser, countUnsettled, moneyState } from '../src/test-kit/money-state.ts';
import type { SuperuserClients } from '../src/test-kit/money-state.ts';
import { createdEvent, findSchemaIds, poisonMix } from '../src/test-kit/poison-mix.ts';
import type { SchemaIds } from '../src/test-kit/poison-mix.ts';
import type { Poison } from '../src/test-kit/poison.ts';
import { reconcile, runOps } from '../src/test-kit/run-ops.ts';
import { startServices } from '../src/test-kit/start-services.ts';
import type { TestServices } from '../src/test-kit/start-services.ts';

const MINUTE_MS = 60_000;
const POISON = 1_000;
const GOOD = 1_000;
const CHUNK = 50;

type Side = 'orders' | 'payments';
const sides = ['orders', 'payments'] as const;
/** Who reads a topic keeps its dead letters. */
const consumerOf = { orders: 'payments', payments: 'orders' } as const;

let services: TestServices;
let databases: SuperuserClients;
let client: ClientWithHistory;
let producer: Producer;
let schemaIds: SchemaIds;
const users = Array.from({ length: 50 }, () => randomUUID());
const [refused = '', restored = ''] = [randomUUID(), randomUUID()];
const sent: Record<Side, Array<Poison & { readonly name: string }>> = { orders: [], payments: [] };

beforeAll(async () => {
  services = await startServices({
    // Longer than the test for the sweeper: only a redrive is to settle what died.
    env: { LOG_LEVEL: 'error', SCHEMA_PATIENCE_MS: '1000', SWEEP_OVERDUE_MS: '3600000' },
  });
  databases = await connectAsSuperuser(services);
  client = new ClientWithHistory(services.url);
  const kafka = new Kafka({ brokers: [services.surroundings.kafkaBrokers], logLevel: logLevel.NOTHING });
  producer = kafka.producer();
  await producer.connect();
  schemaIds = await findSchemaIds(services.surroundings.schemaRegistryUrl);
  for (const userId of [...users, refused, restored]) {
    await client.openAccount(userId);
    await client.topUp(userId, 1_000_000);
  }
}, 2 * MINUTE_MS);

afterAll(async () => {
  await producer.disconnect();
  await databases.end();
  await services.stop();
}, MINUTE_MS);

describe('1,000 poison records among 1,000 good orders', () => {
  test(
    'stop none of the good ones, and each is a dead letter or counted as skipped, exactly',
    async () => {
      const settledFirst = await placeOrders(GOOD / 5);
      await untilSettled();
      const poison = poisonMix(schemaIds, settledFirst.slice(0, 40), POISON / 2);
      expect(sides.reduce((sum, side) => sum + poison[side].length, 0)).toBe(POISON);
      await Promise.all([placeOrders((GOOD * 4) / 5), ...sides.map((side) => sendAll(side, poison[side]))]);
      await untilSettled();
      await untilAllConsumed();

      expect(await states()).toEqual({ FINISHED: GOOD });
      for (const side of sides) {
        expect(await deadLetters(side)).toEqual(
          sent[side]
            .filter(({ fate }) => fate === 'dead letter')
            .map(({ name, value }): [string, string] => [name, hex(value)])
            .toSorted(byText),
        );
        expect(await skippedRecords(side)).toBe(sent[side].filter(({ fate }) => fate === 'skipped').length);
      }
      expect(await reconcile(services)).toMatchObject({ code: 0 });
    },
    5 * MINUTE_MS,
  );

  test(
    'are redriven: those whose cause is mended settle, the others die again, and a second redrive changes nothing',
    async () => {
      await refuseOrdersOf(refused, 10);
      const lost = await loseOrdersOf(restored, 5);
      const hopeless = { orders: await deadValues('orders'), payments: await deadValues('payments') };
      const mendable = { orders: hopeless.orders.length - 10, payments: hopeless.payments.length - 5 };
      for (const side of sides)
        expect(mendable[side]).toBe(sent[side].filter(({ fate }) => fate === 'dead letter').length);
      expect(await countUnsettled(databases)).toBe(10);

      await databases.payments.query('alter table payments drop constraint refused');
      await restoreOrders(lost);
      expect((await redriveAll()).counts).toEqual({
        done: hopeless.orders.length + hopeless.payments.length,
        already: 0,
        refused: 0,
      });
      await untilSettled();
      await untilAllConsumed();
      expect(await states()).toEqual({ FINISHED: GOOD + 15 });
      for (const side of sides) expect(await deadValues(side)).toHaveLength(mendable[side]);
      const settled = await moneyState(databases);
      const stillDead = { orders: await deadValues('orders'), payments: await deadValues('payments') };

      await redriveAll();
      await redriveAgainByForce();
      await untilAllConsumed();
      expect(await moneyState(databases)).toEqual(settled);
      for (const side of sides) expect(await deadValues(side)).toEqual(stillDead[side]);

      expect((await runOps(services, 'dead-letters', 'discard', '--all')).code).toBe(0);
      for (const side of sides) expect(await deadValues(side)).toEqual([]);
      expect(await reconcile(services)).toMatchObject({ code: 0, out: expect.stringContaining('All is well') });
    },
    5 * MINUTE_MS,
  );
});

interface PlacedOrder {
  readonly id: string;
  readonly userId: string;
  readonly amount: number;
}

async function placeOrders(count: number): Promise<PlacedOrder[]> {
  const placed: PlacedOrder[] = [];
  for (let start = 0; start < count; start += CHUNK)
    await Promise.all(
      Array.from({ length: CHUNK }, async (_, i) => {
        const order = { userId: users[i] ?? '', amount: 1 + i, description: 'good' };
        const { status, body } = await client.order(order);
        expect(status).toBe(201);
        placed.push({ ...order, id: String(body['id']) });
      }),
    );
  return placed;
}

/** Onto all partitions, each under a name that its dead letter has to carry; some with a key that is no text, or none. */
async function sendAll(side: Side, poison: readonly Poison[]): Promise<void> {
  for (let start = 0; start < poison.length; start += CHUNK) {
    const chunk = poison.slice(start, start + CHUNK).map((one, i) => ({ ...one, name: `${start + i}: ${one.kind}` }));
    const messages = chunk.map(({ name, kind, value }, i) => ({
      // Records that wait for a schema stop their partition: one of them is enough to wait for.
      partition: kind === 'unknown schema' ? 0 : i % PARTITIONS,
      key: [randomUUID(), randomBytes(8), null][i % 3] ?? null,
      value,
      headers: { poison: name },
    }));
    await producer.send({ topic: services.topics[side], messages });
    sent[side].push(...chunk);
  }
}

/** Orders that a constraint of the database refuses for a while. */
async function refuseOrdersOf(userId: string, count: number): Promise<void> {
  await databases.payments.query(
    `alter table payments add constraint refused check (user_id <> '${userId}') not valid`,
  );
  for (let i = 0; i < count; i += 1) await client.order({ userId, amount: 7, description: 'refused for a while' });
  await eventually(async () => expect(await deadValues('orders')).toHaveLength(deadPoison('orders') + count), {
    timeoutMs: MINUTE_MS,
  });
}

/** Orders that Payments settles and Orders does not know, as after a restore of an older backup. */
async function loseOrdersOf(userId: string, count: number): Promise<RawEvent[]> {
  const events = Array.from({ length: count }, () => createdEvent(newOrderId(), userId));
  const messages = events.map((event) => ({ key: userId, value: eventBytes(schemaIds.orderCreated, event) }));
  await producer.send({ topic: services.topics.orders, messages });
  await eventually(async () => expect(await deadValues('payments')).toHaveLength(deadPoison('payments') + count), {
    timeoutMs: MINUTE_MS,
  });
  return events;
}

async function restoreOrders(events: readonly RawEvent[]): Promise<void> {
  for (const { data, occurred_at } of events)
    await databases.orders.query(
      `insert into orders (id, user_id, amount, description, created_at) values ($1, $2, $3, $4, to_timestamp($5 / 1000.0))`,
      [...data.map(String), Number(occurred_at)],
    );
}

async function redriveAll(): Promise<{ counts: Record<string, number> }> {
  const { code, out } = await runOps(services, 'dead-letters', 'redrive', '--all', '--json');
  expect({ code, out: code === 0 ? '' : out }).toEqual({ code: 0, out: '' });
  return JSON.parse(out) as { counts: Record<string, number> };
}

/** The letters of orders that have settled since: left alone when asked for by id, sent once more by force. */
async function redriveAgainByForce(): Promise<void> {
  for (const { side, ids } of await mendedLetters()) {
    expect(ids).toHaveLength(side === 'orders' ? 10 : 5);
    const redrive = async (...more: string[]): Promise<string> =>
      (await runOps(services, 'dead-letters', 'redrive', '--service', consumerOf[side], ...ids, ...more)).out;
    expect(await redrive()).toContain(`0 redriven, ${ids.length} left alone`);
    expect(await redrive('--force')).toContain(`${ids.length} redriven, 0 left alone`);
  }
}

async function mendedLetters(): Promise<Array<{ side: Side; ids: string[] }>> {
  return Promise.all(
    sides.map(async (side) => {
      const { rows } = await databases[consumerOf[side]].query<{ id: string }>(
        `select id from dead_letters where state = 'REDRIVEN' and (why like '%"refused"%' or key = $1) order by id`,
        [Buffer.from(restored)],
      );
      return { side, ids: rows.map(({ id }) => id) };
    }),
  );
}

function deadPoison(side: Side): number {
  return sent[side].filter(({ fate }) => fate === 'dead letter').length;
}

/** By the name that the poison was sent under; one that nobody sent has none. */
async function deadLetters(side: Side): Promise<Array<[string, string]>> {
  const { rows } = await databases[consumerOf[side]].query<{ name: string | null; value: Buffer }>(
    `select headers ->> 'poison' as name, value from dead_letters where topic = $1 and state = 'DEAD'`,
    [services.topics[side]],
  );
  return rows.map(({ name, value }): [string, string] => [name ?? 'nobody sent it', hex(value)]).toSorted(byText);
}

async function deadValues(side: Side): Promise<string[]> {
  return (await deadLetters(side)).map(([, value]) => value).toSorted();
}

async function skippedRecords(side: Side): Promise<number> {
  const { ordersMetrics, paymentsMetrics } = services.ports;
  const port = side === 'orders' ? paymentsMetrics : ordersMetrics;
  return readCounter(port, 'consumer_records_total', { result: 'skipped' });
}

async function states(): Promise<Record<string, number>> {
  const { rows } = await databases.orders.query<{ status: string; count: number }>(
    'select status, count(*)::int as count from orders group by 1',
  );
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

async function untilSettled(): Promise<void> {
  await eventually(async () => expect(await countUnsettled(databases)).toBe(0), { timeoutMs: MINUTE_MS });
}

/** What consumers still have to say goes through an outbox first. */
async function untilAllConsumed(): Promise<void> {
  const { kafkaBrokers, consumerGroups } = services.surroundings;
  for (const side of sides) {
    const waiting = 'select id from outbox limit 1';
    for (const database of [databases.orders, databases.payments])
      await eventually(async () => expect((await database.query(waiting)).rows).toEqual([]), { timeoutMs: MINUTE_MS });
    const group = { groupId: consumerGroups[consumerOf[side]], topic: services.topics[side] };
    await untilConsumed(kafkaBrokers, group, MINUTE_MS);
  }
}

function hex(value: Buffer | null): string {
  return value?.toString('hex') ?? 'null';
}

function byText(a: [string, string], b: [string, string]): number {
  return a[0] < b[0] ? -1 : 1;
}
