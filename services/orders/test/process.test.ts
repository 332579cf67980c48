import { credentials } from '@grpc/grpc-js';
import { OrdersServiceClient } from '@order-payments/contracts/generated/orders/v1/orders.ts';
import type { PaymentOutcome } from '@order-payments/contracts/events.ts';
import type { OrderId, UserId } from '@order-payments/kernel/ids.ts';
import { nodeService } from '@order-payments/local/node-part.ts';
import type { Part } from '@order-payments/local/process/part.ts';
import { spawnPart, startPart, type Directories } from '@order-payments/local/process/run-part.ts';
import { eventually } from '@order-payments/local/test-kit/eventually.ts';
import { createTopics, freePort, infrastructure } from '@order-payments/local/test-kit/infrastructure.ts';
import { callUnary, channelOptions } from '@order-payments/platform/grpc/client.ts';
import { sql } from '@order-payments/platform/db/pool.ts';
import { createIdempotentProducer, createKafka } from '@order-payments/platform/kafka/client.ts';
import { describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import {
  count,
  deadLetters,
  failed,
  logger,
  newUserId,
  openOrdersDatabase,
  recordOf,
  request,
  soon,
  storedOrder,
  succeeded,
  type OrdersDatabase,
} from './orders-database.ts';
import { answerAsPayments, type PaymentsAnswers } from './payments-answers.ts';

/** The process with a database, topics and a consumer group of its own. */
interface Surroundings {
  readonly orders: OrdersDatabase;
  readonly payments: PaymentsAnswers;
  readonly directories: Directories;
  part(env?: Record<string, string>): Part;
  create(request: { userId: UserId; idempotencyKey?: string }): Promise<OrderId>;
  publish(outcomes: readonly PaymentOutcome[]): Promise<void>;
  metric(name: string): Promise<number>;
}

async function withSurroundings(work: (surroundings: Surroundings) => Promise<void>): Promise<void> {
  const { directory, kafkaBrokers, schemaRegistryUrl } = await infrastructure();
  const [orders, payments] = await Promise.all([openOrdersDatabase(), answerAsPayments()]);
  const [ordersTopic = '', paymentsTopic = ''] = await createTopics(['orders.events', 'payments.events']);
  const [grpcPort, metricsPort] = [await freePort(), await freePort()];
  const logs = join(directory, `orders-${randomUUID()}`);
  const producer = createIdempotentProducer(createKafka({ clientId: 'test', brokers: [kafkaBrokers], logger }));
  await producer.connect();
  const client = new OrdersServiceClient(`127.0.0.1:${grpcPort}`, credentials.createInsecure(), channelOptions);
  const environment = {
    DATABASE_URL: orders.databaseUrl('service'),
    GRPC_PORT: String(grpcPort),
    PAYMENTS_GRPC_URL: payments.url,
    KAFKA_BROKERS: kafkaBrokers,
    KAFKA_GROUP_ID: paymentsTopic,
    SCHEMA_REGISTRY_URL: schemaRegistryUrl,
    ORDERS_TOPIC: ordersTopic,
    PAYMENTS_TOPIC: paymentsTopic,
  };
  try {
    await work({
      orders,
      payments,
      directories: { logs, pids: join(logs, 'run') },
      part: (env = {}) =>
        nodeService({
          name: 'orders',
          entry: 'services/orders/src/main.ts',
          after: [],
          stopTimeoutMs: 20_000,
          metricsPort,
          env: { ...environment, ...env },
        }),
      create: async (asked) => {
        const settings = { requestId: 'test', timeoutMs: 5_000, retry: false };
        const { order } = await callUnary(client.createOrder.bind(client), { ...request(), ...asked }, settings);
        return (order?.id ?? '') as OrderId;
      },
      publish: async (outcomes) => {
        const messages = outcomes.map((outcome) => recordOf(orders, outcome)).map(({ key, value }) => ({ key, value }));
        await producer.sendBatch({ topicMessages: [{ topic: paymentsTopic, messages }] });
      },
      metric: async (name) => {
        const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
        const lines = (await response.text()).split('\n').filter((line) => line.startsWith(name));
        return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
      },
    });
  } finally {
    client.close();
    await producer.disconnect();
    await payments.end();
    await orders.end();
  }
}

async function statuses({ owner }: OrdersDatabase): Promise<Record<string, number>> {
  const rows = await owner.any(
    sql.type(
      z.object({ status: z.string(), orders: z.bigint() }),
    )`select status, count(*) as orders from orders group by status`,
  );
  return Object.fromEntries(rows.map(({ status, orders }) => [status, Number(orders)]));
}

describe('the orders process', () => {
  test('takes orders, settles them by what is published, and counts both', async () => {
    await withSurroundings(async ({ orders, directories, part, create, publish, metric }) => {
      const running = await startPart(part(), directories);
      try {
        const userId = newUserId();
        const ids = await Promise.all(Array.from({ length: 200 }, async () => await create({ userId })));
        expect(await metric('orders_oldest_new_age_seconds ')).toBeGreaterThan(0);
        expect(await metric('outbox_oldest_row_age_seconds ')).toBeGreaterThan(0);
        const outcomes = ids.map((id, index) => (index % 2 === 0 ? succeeded({ id, userId }) : failed({ id, userId })));
        await publish([...outcomes, ...outcomes]);
        await eventually(async () => expect(await statuses(orders)).toEqual({ FINISHED: 100, CANCELED: 100 }), {
          timeoutMs: 30_000,
        });
        await eventually(async () => expect(await metric('consumer_records_total{')).toBe(400), { timeoutMs: 10_000 });
        expect(await metric('orders_created_total ')).toBe(200);
        expect(await metric('orders_settled_total{status="FINISHED"}')).toBe(100);
        expect(await metric('orders_settled_total{')).toBe(200);
        expect(await metric('orders_settle_latency_seconds_count')).toBe(200);
        expect(await metric('orders_oldest_new_age_seconds ')).toBe(0);
        expect(await metric('orders_ingest_queue_length ')).toBe(0);
        expect(await deadLetters(orders)).toEqual([]);
      } finally {
        expect(await running.stop()).toEqual({ code: 0, signal: null });
      }
    });
  }, 90_000);

  test('answers every call that it took before it ends on SIGTERM, and each order that it answered is there', async () => {
    await withSurroundings(async ({ orders, directories, part, create }) => {
      const running = await startPart(part(), directories);
      const userId = newUserId();
      let stopping = false;
      let answered = 0;
      const clients = Array.from({ length: 20 }, async () => {
        while (!stopping) {
          await create({ userId }).then(
            () => (answered += 1),
            (error: unknown) => {
              expect(error).toMatchObject({ code: 'UNAVAILABLE' });
              stopping = true;
            },
          );
        }
      });
      await eventually(() => expect(answered).toBeGreaterThan(500), { timeoutMs: 20_000 });
      const stoppedAt = Date.now();
      expect(await running.stop()).toEqual({ code: 0, signal: null });
      expect(Date.now() - stoppedAt).toBeLessThan(10_000);
      await Promise.all(clients);
      expect(await count(orders, 'orders')).toBe(answered);
      expect(await count(orders, 'outbox')).toBe(answered);
    });
  }, 90_000);

  test('is not ready while the registry has no schemas, and ends on SIGTERM also then', async () => {
    await withSurroundings(async ({ directories, part }) => {
      const waiting = part({ SCHEMA_REGISTRY_URL: `http://127.0.0.1:${await freePort()}` });
      const running = await spawnPart(waiting, directories);
      await eventually(async () => await expect(waiting.probe?.()).rejects.toThrow(/503/), { timeoutMs: 20_000 });
      expect(await running.stop()).toEqual({ code: 0, signal: null });
    });
  }, 60_000);
});

describe('a process that dies while it writes an order', () => {
  test.each(['orders.ingest.statement-unsent', 'orders.ingest.commit-sent', 'orders.ingest.committed'])(
    'at %s leaves one order and one event once the call comes again with its key',
    async (seam) => {
      await withSurroundings(async ({ orders, directories, part, create }) => {
        const asked = { userId: newUserId(), idempotencyKey: 'once' };
        const doomed = await startPart(part({ CRASH_AT: seam }), directories);
        await expect(create(asked)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
        expect(await doomed.exited).toEqual({ code: null, signal: 'SIGKILL' });
        const written = await count(orders, 'orders');
        expect(written).toBe(seam.endsWith('unsent') ? 0 : seam.endsWith('committed') ? 1 : written);
        expect(await count(orders, 'outbox')).toBe(written);
        const running = await startPart(part(), directories);
        try {
          // The client's channel comes back within a second.
          const id = await eventually(async () => await create(asked), { timeoutMs: 10_000 });
          expect(await create(asked)).toBe(id);
          expect([await count(orders, 'orders'), await count(orders, 'outbox')]).toEqual([1, 1]);
        } finally {
          expect(await running.stop()).toEqual({ code: 0, signal: null });
        }
      });
    },
    60_000,
  );
});

const hasty = { SWEEP_OVERDUE_MS: '500', SWEEP_INTERVAL_MS: '200', SWEEP_BACKOFF_MS: '1000' };

describe('a process that dies while it sweeps', () => {
  test.each(['sweeper.planned', 'sweeper.told-again', 'sweeper.commit-sent', 'sweeper.committed'])(
    'at %s leaves the lost event told again and the lost outcome settled once it is started again',
    async (seam) => {
      await withSurroundings(async ({ orders, payments, directories, part }) => {
        const [lost, decided] = [
          await orders.createOrder(request(), soon()),
          await orders.createOrder(request(), soon()),
        ];
        await orders.owner.query(sql.unsafe`delete from outbox`);
        payments.decide(decided);
        const doomed = await spawnPart(part({ ...hasty, CRASH_AT: seam }), directories);
        expect(await doomed.exited).toEqual({ code: null, signal: 'SIGKILL' });
        const running = await startPart(part(hasty), directories);
        try {
          await eventually(
            async () => {
              expect(await storedOrder(orders, decided.id)).toMatchObject({ status: 'FINISHED' });
              expect(await count(orders, 'outbox')).toBe(1);
            },
            { timeoutMs: 20_000 },
          );
          payments.decide(lost);
          await eventually(
            async () => expect(await storedOrder(orders, lost.id)).toMatchObject({ status: 'FINISHED' }),
            { timeoutMs: 20_000 },
          );
          expect(await count(orders, 'outbox')).toBe(1);
        } finally {
          expect(await running.stop()).toEqual({ code: 0, signal: null });
        }
      });
    },
    90_000,
  );
});

test('of two replicas one sweeps, and the other goes on when it dies', async () => {
  await withSurroundings(async ({ orders, payments, directories, part }) => {
    const first = await startPart(part(hasty), directories);
    const replica = part({ ...hasty, GRPC_PORT: '0', METRICS_PORT: String(await freePort()) });
    const second = await spawnPart({ ...replica, name: 'orders-2' }, directories);
    try {
      const order = await orders.createOrder(request(), soon());
      await orders.owner.query(sql.unsafe`delete from outbox`);
      await eventually(async () => expect(await count(orders, 'outbox')).toBe(1), { timeoutMs: 20_000 });
      first.kill('SIGKILL');
      await first.exited;
      payments.decide(order);
      await eventually(
        async () => expect(await storedOrder(orders, order.id)).toMatchObject({ status: 'FINISHED', sweep_count: 2 }),
        { timeoutMs: 30_000 },
      );
    } finally {
      expect(await second.stop()).toEqual({ code: 0, signal: null });
    }
  });
}, 90_000);

// All at once: each waits 10 s for the broker to give up the dead member of its group.
describe('a process that dies while it settles', () => {
  test.concurrent.each(['consumer.inbox-written', 'consumer.applied', 'consumer.commit-sent', 'consumer.committed'])(
    'at %s leaves each order settled once it is started again',
    async (seam) => {
      await withSurroundings(async ({ orders, directories, part, publish }) => {
        const created = await Promise.all(Array.from({ length: 30 }, () => orders.createOrder(request(), soon())));
        const doomed = await spawnPart(part({ CRASH_AT: seam }), directories);
        await publish(created.map(succeeded));
        expect(await doomed.exited).toEqual({ code: null, signal: 'SIGKILL' });
        const running = await startPart(part(), directories);
        try {
          await eventually(async () => expect(await statuses(orders)).toEqual({ FINISHED: 30 }), { timeoutMs: 40_000 });
        } finally {
          expect(await running.stop()).toEqual({ code: 0, signal: null });
        }
        expect(await deadLetters(orders)).toEqual([]);
        expect(await count(orders, 'inbox')).toBe(30);
      });
    },
    120_000,
  );
});
