import { randomUUID } from 'node:crypto';
import { orderCreatedSchema } from '@order-payments/contracts/schemas.ts';
import { parseUserId } from '@order-payments/kernel/ids.ts';
import { databaseUrl } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { createPool } from '@order-payments/platform/db/pool.ts';
import { createEventCodec } from '@order-payments/platform/kafka/event-codec.ts';
import { createLogger } from '@order-payments/platform/logger.ts';
import { createMetrics } from '@order-payments/platform/metrics.ts';
import { prepareCreateOrder, type CreateOrder } from '../../services/orders/src/commands/create-order.ts';
import { createOrdersMetrics } from '../../services/orders/src/metrics.ts';
import { userId } from './data.ts';
import { HANG_MS } from './progress.ts';
import type { Rig } from './rig.ts';

const CALLERS = 600;

/** Writes so many orders, each of one of the users, by the command that Orders itself runs; returns orders a second. */
export async function fillOrders(rig: Rig, count: number, users: Users): Promise<number> {
  const { surroundings, ports } = rig.platform;
  const database = await createPool({
    url: databaseUrl(ports.ordersDb, surroundings.ordersDatabase.name, 'orders_service'),
    applicationName: 'bench',
    size: 5,
  });
  const codec = createEventCodec({
    registryUrl: surroundings.schemaRegistryUrl,
    schemas: [orderCreatedSchema],
    logger: createLogger({ service: 'bench', level: 'silent' }),
  });
  await codec.start(AbortSignal.timeout(HANG_MS));
  const createOrder = prepareCreateOrder({
    database,
    codec,
    ordersTopic: surroundings.topics.orders,
    afterCommit: () => undefined,
    metrics: createOrdersMetrics(createMetrics()),
  });
  const startedMs = performance.now();
  try {
    await createOrders(createOrder, count, () => anyUser(users));
    return (count / (performance.now() - startedMs)) * 1_000;
  } finally {
    await createOrder.stop();
    await database.end();
  }
}

/** Many callers at a time, as many requests would, until there are so many more orders. */
export async function createOrders(createOrder: CreateOrder, count: number, nextUser: () => string): Promise<void> {
  let left = count;
  const call = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const order = {
        userId: parseUserId(nextUser()),
        amount: BigInt(anyAmount()),
        description: DESCRIPTION,
        idempotencyKey: randomUUID(),
      };
      await createOrder(order, Date.now() + HANG_MS);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
}

export const DESCRIPTION = 'an order of the benchmark';
export const anyAmount = (): number => 1 + Math.floor(Math.random() * 100);

/** The first so many, or these. */
export type Users = number | readonly string[];
export const anyUser = (users: Users): string =>
  typeof users === 'number'
    ? userId(1 + Math.floor(Math.random() * users))
    : (users[Math.floor(Math.random() * users.length)] ?? '');
