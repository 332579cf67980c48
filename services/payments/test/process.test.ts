import { createTopics, freePort, infrastructure } from '@order-payments/local/test-kit/infrastructure.ts';
import { eventually } from '@order-payments/local/test-kit/eventually.ts';
import { nodeService } from '@order-payments/local/node-part.ts';
import { spawnPart, startPart, type Directories } from '@order-payments/local/process/run-part.ts';
import type { Part } from '@order-payments/local/process/part.ts';
import { createIdempotentProducer, createKafka } from '@order-payments/platform/kafka/client.ts';
import type { EventRecord } from '@order-payments/platform/kafka/envelope.ts';
import { sql } from '@order-payments/platform/db/pool.ts';
import { describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import {
  balanceOf,
  brokenAccounts,
  count,
  logger,
  newOrder,
  newUserId,
  openPaymentsDatabase,
  outcomeOf,
  recordOf,
  type PaymentsDatabase,
} from './payments-database.ts';

/** The process with a database, topics and a consumer group of its own. */
interface Surroundings {
  readonly payments: PaymentsDatabase;
  readonly directories: Directories;
  part(env?: Record<string, string>): Part;
  publish(records: readonly EventRecord[]): Promise<void>;
  metric(name: string): Promise<number>;
}

async function withSurroundings(work: (surroundings: Surroundings) => Promise<void>): Promise<void> {
  const { directory, kafkaBrokers, schemaRegistryUrl } = await infrastructure();
  const payments = await openPaymentsDatabase();
  const [ordersTopic = '', paymentsTopic = ''] = await createTopics(['orders.events', 'payments.events']);
  const [grpcPort, metricsPort] = [await freePort(), await freePort()];
  const logs = join(directory, `payments-${randomUUID()}`);
  const producer = createIdempotentProducer(createKafka({ clientId: 'test', brokers: [kafkaBrokers], logger }));
  await producer.connect();
  const environment = {
    DATABASE_URL: payments.databaseUrl('service'),
    GRPC_PORT: String(grpcPort),
    KAFKA_BROKERS: kafkaBrokers,
    KAFKA_GROUP_ID: ordersTopic,
    SCHEMA_REGISTRY_URL: schemaRegistryUrl,
    ORDERS_TOPIC: ordersTopic,
    PAYMENTS_TOPIC: paymentsTopic,
  };
  try {
    await work({
      payments,
      directories: { logs, pids: join(logs, 'run') },
      part: (env = {}) =>
        nodeService({
          name: 'payments',
          entry: 'services/payments/src/main.ts',
          after: [],
          stopTimeoutMs: 20_000,
          metricsPort,
          env: { ...environment, ...env },
        }),
      publish: async (records) => {
        const messages = records.map(({ key, value }) => ({ key, value }));
        await producer.sendBatch({ topicMessages: [{ topic: ordersTopic, messages }] });
      },
      metric: async (name) => {
        const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
        const lines = (await response.text()).split('\n').filter((line) => line.startsWith(name));
        return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
      },
    });
  } finally {
    await producer.disconnect();
    await payments.end();
  }
}

async function allTold(payments: PaymentsDatabase, orders: number): Promise<void> {
  const told = await payments.owner.oneFirst(
    sql.type(z.object({ told: z.bigint() }))`select count(distinct event_id) as told from outbox`,
  );
  expect(Number(told)).toBe(orders);
}

describe('the payments process', () => {
  test('settles what is published, twice told or broken, and ends in order on SIGTERM', async () => {
    await withSurroundings(async ({ payments, directories, part, publish, metric }) => {
      const users = await Promise.all(Array.from({ length: 10 }, async () => await payments.openAccount(100n)));
      const orders = Array.from({ length: 400 }, (_, index) => newOrder(users[index % 10] ?? newUserId(), 9n));
      const unknown = newOrder(newUserId(), 1n);
      const records = [...orders, unknown].map((order) => recordOf(payments, order));
      const [first] = records;
      if (first === undefined) throw new Error('there are records');
      const broken = { ...first, value: Buffer.from('not an event') };
      const tombstone = { ...first, value: null };

      const running = await startPart(part(), directories);
      try {
        await publish([broken, ...records, tombstone]);
        await publish(records.toReversed());
        await eventually(async () => await allTold(payments, 401), { timeoutMs: 30_000 });
        await eventually(async () => expect(await metric('consumer_records_total{')).toBe(804), { timeoutMs: 10_000 });

        expect(await outcomeOf(payments, unknown)).toBe('ACCOUNT_NOT_FOUND');
        for (const userId of users) expect(await balanceOf(payments, userId)).toBe(1n);
        expect(await brokenAccounts(payments)).toEqual([]);
        expect(await count(payments, 'dead_letters')).toBe(1);
        expect(await count(payments, 'outbox')).toBe(401);
        expect(await metric('payments_settled_total{status="SUCCEEDED"')).toBe(110);
        expect(await metric('payments_settled_total{')).toBe(401);
        expect(await metric('outbox_oldest_row_age_seconds')).toBeGreaterThan(0);
      } finally {
        const stoppedAt = Date.now();
        expect(await running.stop()).toEqual({ code: 0, signal: null });
        expect(Date.now() - stoppedAt).toBeLessThan(10_000);
      }
    });
  }, 90_000);

  test('ends on SIGTERM also while it waits for the registry, unready', async () => {
    await withSurroundings(async ({ directories, part }) => {
      const waiting = part({ SCHEMA_REGISTRY_URL: `http://127.0.0.1:${await freePort()}` });
      const running = await spawnPart(waiting, directories);
      await eventually(async () => await expect(waiting.probe?.()).rejects.toThrow(/503/), { timeoutMs: 20_000 });
      expect(await running.stop()).toEqual({ code: 0, signal: null });
    });
  }, 60_000);
});

const seams = [
  'consumer.fetched',
  'consumer.inbox-written',
  'consumer.settled',
  'consumer.applied',
  'consumer.commit-sent',
  'consumer.committed',
  'consumer.resolved',
];

// All at once: each waits 10 s for the broker to give up the dead member of its group.
describe('a process that dies', () => {
  test.concurrent.each(seams)(
    'at %s leaves each order settled once and its outcome told once it is started again',
    async (seam) => {
      await withSurroundings(async ({ payments, directories, part, publish }) => {
        const userId = await payments.openAccount(100n);
        const orders = Array.from({ length: 30 }, () => newOrder(userId, 9n));
        const records = orders.map((order) => recordOf(payments, order));
        const doomed = await spawnPart(part({ CRASH_AT: seam }), directories);
        await publish(records);
        expect(await doomed.exited).toEqual({ code: null, signal: 'SIGKILL' });
        await publish(records);
        const running = await startPart(part(), directories);
        try {
          await eventually(async () => await allTold(payments, 30), { timeoutMs: 40_000 });
        } finally {
          expect(await running.stop()).toEqual({ code: 0, signal: null });
        }
        expect(await balanceOf(payments, userId)).toBe(1n);
        expect(await brokenAccounts(payments)).toEqual([]);
        expect(await count(payments, 'payments')).toBe(30);
        expect(await count(payments, 'outbox')).toBe(30);
      });
    },
    120_000,
  );
});
