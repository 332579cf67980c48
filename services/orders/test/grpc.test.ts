import { credentials } from '@grpc/grpc-js';
import { loadOrdersDescriptors } from '@order-payments/contracts/descriptors.ts';
import {
  OrdersServiceClient,
  OrderStatus,
  type CreateOrderRequest,
  type ListOrdersRequest,
} from '@order-payments/contracts/generated/orders/v1/orders.ts';
import { newOrderId } from '@order-payments/kernel/ids.ts';
import { callUnary, channelOptions, type CallSettings } from '@order-payments/platform/grpc/client.ts';
import { startGrpcServer, type GrpcServer } from '@order-payments/platform/grpc/server.ts';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { listOrders } from '../src/commands/list-orders.ts';
import { ordersService } from '../src/grpc/orders-service.ts';
import {
  decidedAt,
  failed,
  logger,
  newUserId,
  openOrdersDatabase,
  recordOf,
  request,
  soon,
  succeeded,
  type OrdersDatabase,
} from './orders-database.ts';

let orders: OrdersDatabase;
let server: GrpcServer;
let client: OrdersServiceClient;
beforeAll(async () => {
  orders = await openOrdersDatabase();
  server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [ordersService(orders)],
    descriptors: loadOrdersDescriptors(),
    logger,
    registry: orders.registry,
  });
  client = new OrdersServiceClient(`127.0.0.1:${server.port}`, credentials.createInsecure(), channelOptions);
});
afterAll(async () => {
  client.close();
  await server.stop();
  await orders.end();
});

const settings: CallSettings = { requestId: 'test', timeoutMs: 5_000, retry: false };
const create = async (change: Partial<CreateOrderRequest> = {}) =>
  await callUnary(
    client.createOrder.bind(client),
    { userId: newUserId(), amount: 600n, description: 'books', ...change },
    settings,
  );
const get = async (orderId: string) => await callUnary(client.getOrder.bind(client), { orderId }, settings);
const list = async (change: Partial<ListOrdersRequest>) =>
  await callUnary(
    client.listOrders.bind(client),
    { userId: newUserId(), status: OrderStatus.ORDER_STATUS_UNSPECIFIED, pageSize: 0, pageToken: '', ...change },
    settings,
  );

describe('an order', () => {
  test('is created, read, and shows how it ended', async () => {
    const userId = newUserId();
    const { order } = await create({ userId });
    expect(order).toMatchObject({ userId, amount: 600n, status: OrderStatus.ORDER_STATUS_NEW, settledAt: undefined });
    const id = order?.id ?? '';
    expect(await get(id)).toEqual({ order });
    const stored = await orders.createOrder(request({ userId }), soon());
    await orders.consume([
      recordOf(orders, failed(stored)),
      recordOf(orders, succeeded({ ...stored, id: id as never })),
    ]);
    expect((await get(id)).order).toMatchObject({ status: OrderStatus.ORDER_STATUS_FINISHED, settledAt: decidedAt });
    expect((await get(stored.id)).order).toMatchObject({
      status: OrderStatus.ORDER_STATUS_CANCELED,
      cancelReason: 'INSUFFICIENT_FUNDS',
    });
  });

  test('that is not there is not found', async () => {
    await expect(get(newOrderId())).rejects.toMatchObject({ code: 'ORDER_NOT_FOUND' });
  });
});

describe('the orders of many callers in one call', () => {
  const createAll = async (changes: ReadonlyArray<Partial<CreateOrderRequest>>) =>
    await callUnary(
      client.createOrders.bind(client),
      { orders: changes.map((change) => ({ userId: newUserId(), amount: 600n, description: 'books', ...change })) },
      settings,
    );

  test('are answered each for itself, in their order, as if each had come alone', async () => {
    const once = { userId: newUserId(), idempotencyKey: 'once' };
    const { results } = await createAll([
      { amount: 1n },
      { amount: 0n },
      { ...once, amount: 3n },
      { ...once, amount: 3n },
      { ...once, amount: 4n },
      { userId: 'nobody' },
    ]);
    expect(results).toMatchObject([
      { order: { amount: 1n }, refusal: undefined },
      { order: undefined, refusal: { code: 'INVALID_FIELD', details: { field: 'amount' } } },
      { order: { amount: 3n } },
      { order: { id: results[2]?.order?.id } },
      { refusal: { code: 'IDEMPOTENCY_KEY_REUSED' } },
      { refusal: { code: 'INVALID_FIELD', details: { field: 'user_id' } } },
    ]);
    expect((await list({ userId: once.userId })).orders).toHaveLength(1);
    expect(await create({ ...once, amount: 3n })).toEqual({ order: results[2]?.order });
  });

  test('are at most 100, and none is as good as one', async () => {
    await expect(createAll(Array.from({ length: 101 }, () => ({})))).rejects.toMatchObject({
      details: { field: 'orders' },
    });
    expect(await createAll([])).toEqual({ results: [] });
  });
});

describe('the service checks again', () => {
  test.each<[string, string, Partial<CreateOrderRequest>]>([
    ['INVALID_FIELD', 'user_id', { userId: '' }],
    ['INVALID_FIELD', 'user_id', { userId: 'nobody' }],
    ['INVALID_FIELD', 'user_id', { userId: `{${newUserId()}}` }],
    ['INVALID_FIELD', 'amount', { amount: 0n }],
    ['INVALID_FIELD', 'amount', { amount: -1n }],
    ['INVALID_FIELD', 'amount', { amount: 2n ** 53n }],
    ['INVALID_FIELD', 'amount', { amount: 2n ** 63n - 1n }],
    ['INVALID_FIELD', 'description', { description: 'x'.repeat(501) }],
    ['INVALID_FIELD', 'description', { description: 'a\0b' }],
    ['INVALID_IDEMPOTENCY_KEY', '', { idempotencyKey: '' }],
    ['INVALID_IDEMPOTENCY_KEY', '', { idempotencyKey: 'x'.repeat(256) }],
    ['INVALID_IDEMPOTENCY_KEY', '', { idempotencyKey: 'ключ' }],
  ])('%s %s %#', async (code, field, change) => {
    await expect(create(change)).rejects.toMatchObject({ code, details: field === '' ? {} : { field } });
  });

  test('ids, page sizes, statuses and cursors of the reads', async () => {
    await expect(get('')).rejects.toMatchObject({ code: 'INVALID_FIELD', details: { field: 'order_id' } });
    for (const pageSize of [-1, 101, 2 ** 31 - 1])
      await expect(list({ pageSize })).rejects.toMatchObject({ details: { field: 'page_size' } });
    await expect(list({ status: 9 as never })).rejects.toMatchObject({ details: { field: 'status' } });
    await expect(list({ userId: 'x' })).rejects.toMatchObject({ details: { field: 'user_id' } });
    await expect(list({ pageToken: 'forged' })).rejects.toMatchObject({ code: 'INVALID_CURSOR' });
  });
});

describe('the list of a user’s orders', () => {
  test('shows each order once, newest first, page by page, while new ones arrive', async () => {
    const userId = newUserId();
    const created: string[] = [];
    for (let index = 0; index < 25; index++) created.unshift((await create({ userId })).order?.id ?? '');
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await list({ userId, pageSize: 10, pageToken });
      seen.push(...page.orders.map(({ id }) => id));
      pageToken = page.nextPageToken;
      await create({ userId });
    } while (pageToken !== '');
    expect(seen).toEqual(created);
    expect((await list({ userId })).orders).toHaveLength(28);
    expect((await list({ userId, pageSize: 28 })).nextPageToken).toBe('');
  });

  test('of one status shows those alone, and its cursor is of no other list', async () => {
    const userId = newUserId();
    for (let index = 0; index < 6; index++) {
      const order = await orders.createOrder(request({ userId }), soon());
      if (index % 2 === 0) await orders.consume([recordOf(orders, succeeded(order))]);
    }
    const finished = { userId, status: OrderStatus.ORDER_STATUS_FINISHED, pageSize: 2 };
    const first = await list(finished);
    expect(first.orders.map(({ status }) => status)).toEqual([2, 2]);
    const second = await list({ ...finished, pageToken: first.nextPageToken });
    expect(second).toMatchObject({ orders: [{ status: OrderStatus.ORDER_STATUS_FINISHED }], nextPageToken: '' });
    const cursor = { pageToken: first.nextPageToken };
    for (const other of [{ userId }, { ...finished, status: 1 as const }, { ...finished, userId: newUserId() }])
      await expect(list({ ...other, ...cursor })).rejects.toMatchObject({ code: 'INVALID_CURSOR' });
  });

  test.each([1, 2, 3, 5, 7, 30])(
    'of a rare status ends a page after scanning %d orders and misses none',
    async (scanMax) => {
      const userId = newUserId();
      const created = [];
      for (let index = 0; index < 20; index++) created.push(await orders.createOrder(request({ userId }), soon()));
      const rare = created.filter((_, index) => [0, 6, 7, 8, 9, 19].includes(index));
      await orders.consume(rare.map((order) => recordOf(orders, succeeded(order))));
      const seen: string[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const page = await listOrders(orders.database, { userId, status: 'FINISHED', pageSize: 2, cursor }, scanMax);
        seen.push(...page.orders.map(({ id }) => id));
        cursor = page.nextCursor;
      } while (cursor !== undefined && ++pages < 50);
      expect(seen).toEqual(rare.map(({ id }) => id).reverse());
    },
  );
});
