import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import pg from 'pg';
import { eventBytes } from '../src/test-kit/event-bytes.ts';
import type { RawEvent } from '../src/test-kit/event-bytes.ts';
import { createDatabase, createTopics, infrastructure } from '../src/test-kit/infrastructure.ts';
import type { TestDatabase } from '../src/test-kit/infrastructure.ts';
import { checkTopics } from '../src/test-kit/topic-checker.ts';
import type { TopicFindings } from '../src/test-kit/topic-checker.ts';

// One paid order and one refused, as the platform would leave them; each test spoils one thing.

const [paid, refused, userId] = [randomUUID(), randomUUID(), randomUUID()];
const ids = { created: randomUUID(), created2: randomUUID(), succeeded: randomUUID(), failed: randomUUID() };
const at = Date.now();

const created: RawEvent[] = [
  event(ids.created, 'OrderCreated', [paid, userId, 5n, 'a bell']),
  event(ids.created2, 'OrderCreated', [refused, userId, 7n, 'two bells']),
];
const outcomes: RawEvent[] = [
  event(ids.succeeded, 'PaymentSucceeded', [paid, userId]),
  event(ids.failed, 'PaymentFailed', [refused, userId, 'INSUFFICIENT_FUNDS']),
];

let databases: { orders: TestDatabase; payments: TestDatabase };
let clients: { orders: pg.Client; payments: pg.Client };

beforeAll(async () => {
  databases = { orders: await createDatabase('orders'), payments: await createDatabase('payments') };
  clients = {
    orders: new pg.Client({ connectionString: databases.orders.urls.superuser }),
    payments: new pg.Client({ connectionString: databases.payments.urls.superuser }),
  };
  await Promise.all([clients.orders.connect(), clients.payments.connect()]);
  await clients.orders.query(
    `insert into orders (id, user_id, amount, description, status, cancel_reason, created_at, settled_at)
     values ($1, $3, 5, 'a bell', 'FINISHED', null, now(), now()),
       ($2, $3, 7, 'two bells', 'CANCELED', 'INSUFFICIENT_FUNDS', now(), now())`,
    [paid, refused, userId],
  );
  await clients.payments.query(
    `insert into payments (order_id, user_id, amount, status, reason, created_at)
     values ($1, $3, 5, 'SUCCEEDED', null, now()), ($2, $3, 7, 'FAILED', 'INSUFFICIENT_FUNDS', now())`,
    [paid, refused, userId],
  );
  for (const [client, received] of [
    [clients.payments, created],
    [clients.orders, outcomes],
  ] as const)
    for (const { event_id } of received)
      await client.query(`insert into inbox values ($1, 'topic', 0, 0, '\\x00')`, [event_id]);
});

afterAll(async () => {
  await Promise.all([clients.orders.end(), clients.payments.end()]);
  await Promise.all([databases.orders.drop(), databases.payments.drop()]);
});

test('what the platform leaves is right, however often each event is told', async () => {
  const { violations, ...found } = await check({ created: [...created, ...created], outcomes });
  expect(violations).toEqual([]);
  expect(found).toMatchObject({ records: 6, events: 4 });
  expect(found.orderOfOutcome.get(ids.failed)).toBe(refused);
});

test.each<{ what: string; created?: RawEvent[]; outcomes?: RawEvent[]; finds: string }>([
  {
    what: 'an order that was never told of',
    created: created.slice(1),
    finds: `order ${paid} has OrderCreated under 0`,
  },
  {
    what: 'a second id for the same fact',
    created: [...created, event(randomUUID(), 'OrderCreated', [paid, userId, 5n, 'a bell'])],
    finds: `order ${paid} has OrderCreated under 2 event ids`,
  },
  {
    what: 'the same event in other words',
    created: [...created, event(ids.created, 'OrderCreated', [paid, userId, 6n, 'a bell'])],
    finds: `order ${paid} has OrderCreated in different words`,
  },
  {
    what: 'an outcome that Payments did not decide',
    outcomes: [event(ids.succeeded, 'PaymentFailed', [paid, userId, 'ACCOUNT_NOT_FOUND']), ...outcomes.slice(1)],
    finds: `order ${paid} has an outcome that is not what its database says`,
  },
  {
    what: 'an event of no order',
    created: [...created, event(randomUUID(), 'OrderCreated', [randomUUID(), userId, 5n, 'a ghost'])],
    finds: 'OrderCreated tells of order',
  },
])('finds $what', async ({ finds, ...told }) => {
  const { violations } = await check({ created, outcomes, ...told });
  expect(violations.map(({ what }) => what)).toContainEqual(expect.stringContaining(finds));
});

test.each([
  { what: 'an event that nobody consumed', service: 'payments', sql: 'delete from inbox', finds: 'was never consumed' },
  {
    what: 'an inbox row without an event',
    service: 'orders',
    sql: `insert into inbox values (gen_random_uuid(), 'topic', 0, 0, '\\x00')`,
    finds: 'is in an inbox and not in',
  },
  {
    what: 'an event that was never sent',
    service: 'orders',
    sql: `insert into outbox (event_id, topic, key, payload) values (gen_random_uuid(), 'topic', 'key', '\\x00')`,
    finds: '1 events are left in the outbox of orders',
  },
  {
    what: 'a dead letter',
    service: 'payments',
    sql: `insert into dead_letters (topic, partition, record_offset, headers, why) values ('topic', 0, 7, '{}', 'poison')`,
    finds: 'payments has 1 dead letters, one of them: poison',
  },
] as const)('finds $what', async ({ service, sql, finds }) => {
  await clients[service].query('begin');
  try {
    await clients[service].query(sql);
    const { violations } = await check({ created, outcomes });
    expect(violations.map(({ what }) => what)).toContainEqual(expect.stringContaining(finds));
  } finally {
    await clients[service].query('rollback');
  }
});

function event(event_id: string, event_type: string, data: RawEvent['data']): RawEvent {
  return { event_id, event_type, occurred_at: at, data };
}

/** What the checker says of topics that hold these events and nothing else. */
async function check(told: { created: RawEvent[]; outcomes: RawEvent[] }): Promise<TopicFindings> {
  const { kafkaBrokers: brokers, schemaRegistryUrl } = await infrastructure();
  const [orders = '', payments = ''] = await createTopics(['orders.events', 'payments.events']);
  const producer = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  for (const [topic, namespace, events] of [
    [orders, 'orders.v1', told.created],
    [payments, 'payments.v1', told.outcomes],
  ] as const) {
    const messages = await Promise.all(
      events.map(async (one) => ({
        key: userId,
        value: eventBytes(await schemaId(`${namespace}.${one.event_type}`), one),
      })),
    );
    await producer.send({ topic, messages });
  }
  await producer.disconnect();
  return checkTopics({ brokers, schemaRegistryUrl, orders, payments }, clients);
}

async function schemaId(subject: string): Promise<number> {
  const { schemaRegistryUrl } = await infrastructure();
  const response = await fetch(`${schemaRegistryUrl}/subjects/${subject}/versions/latest`);
  return ((await response.json()) as { id: number }).id;
}
