import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import { forgetOffsets, untilConsumed } from '../src/test-kit/consumer-groups.ts';
import { readCounter } from '../src/test-kit/counter.ts';
import { eventually } from '../src/test-kit/eventually.ts';
import { connectAsSuperuser, countUnsettled, moneyState } from '../src/test-kit/money-state.ts';
import type { SuperuserClients } from '../src/test-kit/money-state.ts';
import { readTopic } from '../src/test-kit/read-topic.ts';
import type { TopicRecord } from '../src/test-kit/read-topic.ts';
import { reconcile } from '../src/test-kit/run-ops.ts';
import { startServices } from '../src/test-kit/start-services.ts';
import type { TestServices } from '../src/test-kit/start-services.ts';

const MINUTE_MS = 60_000;
const KEYS = 200;
const POSTS_A_KEY = 50;
/** So that fifty of one key are really at once, beside those of a few others. */
const KEYS_AT_ONCE = 8;
const TOP_UP_KEYS = 50;
const TOP_UPS_A_KEY = 20;
const BALANCE = 1_000_000;

type Side = 'orders' | 'payments';
const sides = ['orders', 'payments'] as const;
const consumerOf = { orders: 'payments', payments: 'orders' } as const;

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

let services: TestServices;
let databases: SuperuserClients;
const users = Array.from({ length: 20 }, () => randomUUID());
const userOf = (index: number): string => users[index % users.length] ?? '';

beforeAll(async () => {
  services = await startServices({ env: { LOG_LEVEL: 'error' } });
  databases = await connectAsSuperuser(services);
  for (const userId of users) {
    await post('/accounts', { user_id: userId });
    // Every fourth is short of money, so that there are refusals among the outcomes.
    await post(`/accounts/${userId}/top-ups`, { amount: users.indexOf(userId) % 4 === 0 ? 20 : BALANCE });
  }
}, 2 * MINUTE_MS);

afterAll(async () => {
  await databases.end();
  await services.stop();
}, MINUTE_MS);

test(
  'from POST to the settled order at 20 orders a second',
  async () => {
    const latencies: number[] = [];
    const order = async (): Promise<void> => {
      const startedAt = performance.now();
      const body = { user_id: userOf(1), amount: 1, description: 'latency' };
      const { body: settled } = await post('/orders', body, { prefer: 'wait=10' });
      latencies.push(performance.now() - startedAt);
      expect(settled).toMatchObject({ status: 'FINISHED' });
    };
    await order();
    latencies.length = 0;
    const orders: Array<Promise<void>> = [];
    const startedAt = performance.now();
    for (let i = 0; i < 200; i += 1) {
      await until(startedAt + i * 50);
      orders.push(order());
    }
    await Promise.all(orders);
    const sorted = latencies.toSorted((a, b) => a - b);
    const [p50 = 0, p99 = 0] = [sorted[99], sorted[197]];
    console.info(`POST /orders -> settled at 20 a second: p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`);
    expect(sorted).toHaveLength(200);
  },
  MINUTE_MS,
);

describe('a storm of one Idempotency-Key', () => {
  test(
    `${POSTS_A_KEY} parallel POSTs for each of ${KEYS} keys give exactly ${KEYS} orders and one answer a key`,
    async () => {
      const before = await countRows('orders', 'orders');
      await storm(KEYS, async (index) => {
        const key = { 'idempotency-key': `order ${index}` };
        const body = { user_id: userOf(index), amount: 1 + (index % 9), description: `of key ${index}` };
        const answers = await times(POSTS_A_KEY, async () => untilAnswered('/orders', body, key));
        expect(statusesOf(answers)).toEqual([201]);
        expect(new Set(answers.map(({ body: order }) => order['id'])).size).toBe(1);
        for (const other of [{ amount: 10 }, { description: 'another' }])
          expect(await post('/orders', { ...body, ...other }, key)).toMatchObject({
            status: 422,
            body: { code: 'IDEMPOTENCY_KEY_REUSED' },
          });
      });
      expect((await countRows('orders', 'orders')) - before).toBe(KEYS);
    },
    2 * MINUTE_MS,
  );

  test(
    `${TOP_UPS_A_KEY} parallel top-ups for each of ${TOP_UP_KEYS} keys add exactly ${TOP_UP_KEYS} times, with one answer a key`,
    async () => {
      const before = await countRows('payments', 'transactions', `type = 'CREDIT'`);
      await storm(TOP_UP_KEYS, async (index) => {
        const key = { 'idempotency-key': `top-up ${index}` };
        const path = `/accounts/${userOf(index)}/top-ups`;
        const answers = await times(TOP_UPS_A_KEY, async () => untilAnswered(path, { amount: 3 }, key));
        expect(statusesOf(answers)).toEqual([201]);
        // The whole answer, with the balance after it.
        expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
        expect(await post(path, { amount: 4 }, key)).toMatchObject({ status: 422 });
      });
      expect((await countRows('payments', 'transactions', `type = 'CREDIT'`)) - before).toBe(TOP_UP_KEYS);
    },
    2 * MINUTE_MS,
  );
});

describe('nothing is debited twice and no state changes', () => {
  const records: Record<Side, TopicRecord[]> = { orders: [], payments: [] };
  let settled: Record<string, string>;

  beforeAll(async () => {
    await untilQuiet();
    settled = await moneyState(databases);
    for (const side of sides)
      records[side] = await readTopic(services.topics[side], await countRows('orders', 'orders'));
    const canceled = await countRows('orders', 'orders', `status = 'CANCELED'`);
    expect(canceled).toBeGreaterThan(10);
    expect((await countRows('orders', 'orders', `status = 'FINISHED'`)) - canceled).toBeGreaterThan(10);
  }, MINUTE_MS);

  afterAll(async () => {
    expect(await reconcile(services)).toMatchObject({ code: 0, out: expect.stringContaining('All is well') });
  }, MINUTE_MS);

  test(
    'when inbox rows are deleted by hand and their records delivered again',
    async () => {
      const producer = createProducer();
      await producer.connect();
      for (const side of sides) {
        const database = databases[consumerOf[side]];
        const inboxRows = await countRows(consumerOf[side], 'inbox');
        const some = records[side].filter((_, i) => i % 4 === 0);
        const places = some.map(({ partition, offset }) => `(${partition}, ${offset})`).join();
        const { rowCount } = await database.query(
          `delete from inbox where (partition, record_offset) in (values ${places})`,
        );
        expect(rowCount).toBe(some.length);
        await producer.send({
          topic: services.topics[side],
          messages: some.map(({ key, value }) => ({ key: key ?? null, value })),
        });
        await untilQuiet();
        // They were applied anew, and not taken for duplicates.
        expect(await countRows(consumerOf[side], 'inbox')).toBe(inboxRows);
        expect(await moneyState(databases)).toEqual(settled);
      }
      await producer.disconnect();
    },
    MINUTE_MS,
  );

  test(
    'when outbox rows are sent twice',
    async () => {
      for (const side of sides) {
        const some = records[side].filter((_, i) => i % 4 === 1);
        const duplicates = await duplicatesOf(side);
        for (const { key, value } of [...some, ...some])
          await databases[side].query(
            'insert into outbox (event_id, topic, key, payload) values (gen_random_uuid(), $1, $2, $3)',
            [services.topics[side], key, value],
          );
        await untilQuiet();
        expect((await duplicatesOf(side)) - duplicates).toBe(2 * some.length);
        expect(await moneyState(databases)).toEqual(settled);
      }
    },
    MINUTE_MS,
  );

  test.each([
    ['with what the inbox remembers', false],
    ['with an inbox that forgot everything', true],
  ])(
    'when the consumers begin at the beginning again, %s',
    async (_, forgetInbox) => {
      const { kafkaBrokers, consumerGroups } = services.surroundings;
      await Promise.all(sides.map(async (service) => services.part(service).stop()));
      for (const service of sides) {
        await forgetOffsets(kafkaBrokers, consumerGroups[service]);
        if (forgetInbox) await databases[service].query('delete from inbox');
        services.part(service).start();
      }
      await Promise.all(sides.map(async (service) => services.part(service).untilReady(MINUTE_MS)));
      await untilQuiet();
      for (const side of sides) {
        const read = await readCounter(metricsPortOf(consumerOf[side]), 'consumer_records_total');
        expect(read).toBeGreaterThan(records[side].length);
        expect(await countRows(consumerOf[side], 'inbox')).toBeGreaterThanOrEqual(records[side].length);
      }
      expect(await moneyState(databases)).toEqual(settled);
    },
    2 * MINUTE_MS,
  );
});

/** A gateway that takes longer than a second lets fewer in: the same key until it is answered, as clients do. */
async function untilAnswered(...request: Parameters<typeof post>): Promise<Answer> {
  for (;;) {
    const answer = await post(...request);
    if (![503, 504].includes(answer.status)) return answer;
    await sleep(200);
  }
}

async function post(path: string, body: object, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${services.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function storm(keys: number, work: (index: number) => Promise<void>): Promise<void> {
  const next = Array.from({ length: keys }, (_, i) => i).values();
  await times(KEYS_AT_ONCE, async () => {
    for (const index of next) await work(index);
  });
}

async function times<T>(count: number, work: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, work));
}

function statusesOf(answers: readonly Answer[]): number[] {
  return [...new Set(answers.map(({ status }) => status))];
}

async function until(timeMs: number): Promise<void> {
  const leftMs = timeMs - performance.now();
  if (leftMs > 0)
    await new Promise((resolve) => {
      setTimeout(resolve, leftMs);
    });
}

async function countRows(service: Side, table: string, condition = 'true'): Promise<number> {
  const { rows } = await databases[service].query<{ count: number }>(
    `select count(*)::int as count from ${table} where ${condition}`,
  );
  return rows[0]?.count ?? 0;
}

function metricsPortOf(service: Side): number {
  return service === 'orders' ? services.ports.ordersMetrics : services.ports.paymentsMetrics;
}

async function duplicatesOf(side: Side): Promise<number> {
  return readCounter(metricsPortOf(consumerOf[side]), 'consumer_records_total', { result: 'duplicate' });
}

function createProducer(): ReturnType<Kafka['producer']> {
  return new Kafka({ brokers: [services.surroundings.kafkaBrokers], logLevel: logLevel.NOTHING }).producer();
}

/** All settled, outboxes empty, topics consumed: first the orders' events, for their outcomes come after them. */
async function untilQuiet(): Promise<void> {
  const { kafkaBrokers, consumerGroups } = services.surroundings;
  await eventually(async () => expect(await countUnsettled(databases)).toBe(0), { timeoutMs: MINUTE_MS });
  for (const side of sides) {
    await eventually(async () => expect(await countRows(side, 'outbox')).toBe(0), { timeoutMs: MINUTE_MS });
    const group = { groupId: consumerGroups[consumerOf[side]], topic: services.topics[side] };
    await untilConsumed(kafkaBrokers, group, MINUTE_MS);
  }
}
