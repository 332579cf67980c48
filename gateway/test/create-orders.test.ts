import { credentials, Server, ServerCredentials, status, type handleUnaryCall } from '@grpc/grpc-js';
import {
  OrdersServiceClient,
  OrdersServiceService,
  OrderStatus,
  type CreateOrderRequest,
  type CreateOrderResponse,
  type CreateOrderResult,
  type CreateOrdersRequest,
  type CreateOrdersResponse,
  type Order,
} from '@order-payments/contracts/generated/orders/v1/orders.ts';
import { channelOptions } from '@order-payments/platform/grpc/client.ts';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { prepareCreateOrder, type CreateOrder } from '../src/clients/create-orders.ts';
import { userId } from './gateway.ts';

// A service that refuses even amounts, can be made to hang, and remembers which calls it got.
let calls: Array<readonly CreateOrderRequest[]> = [];
let mode: 'answers' | 'hangs' | 'is unavailable' | 'cannot write batches' = 'answers';
const server = new Server();
let client: OrdersServiceClient;
let createOrder: CreateOrder;

const unavailable = { code: 'UNAVAILABLE', message: 'not now', details: {} };
const orderOf = ({ amount, description }: CreateOrderRequest): Order => ({
  id: `order-${amount}`,
  userId,
  amount,
  description,
  status: OrderStatus.ORDER_STATUS_NEW,
  createdAt: new Date(0),
  settledAt: undefined,
});
const resultOf = (request: CreateOrderRequest): CreateOrderResult =>
  request.amount % 2n === 0n
    ? { order: undefined, refusal: { code: 'INVALID_FIELD', message: 'even', details: { field: `${request.amount}` } } }
    : { order: orderOf(request), refusal: undefined };

beforeAll(async () => {
  const one: handleUnaryCall<CreateOrderRequest, CreateOrderResponse> = ({ request }, answer) => {
    calls.push([request]);
    if (mode === 'answers' || mode === 'cannot write batches') answer(null, { order: orderOf(request) });
    if (mode === 'is unavailable') answer({ code: status.UNAVAILABLE });
  };
  const many: handleUnaryCall<CreateOrdersRequest, CreateOrdersResponse> = ({ request }, answer) => {
    calls.push(request.orders);
    if (mode === 'answers') answer(null, { results: request.orders.map(resultOf) });
    if (mode === 'cannot write batches')
      answer(null, { results: request.orders.map(() => ({ order: undefined, refusal: unavailable })) });
    if (mode === 'is unavailable') answer({ code: status.UNAVAILABLE });
  };
  const handlers = { createOrder: one, createOrders: many };
  server.addService(OrdersServiceService, handlers);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  client = new OrdersServiceClient(`dns:///127.0.0.1:${port}`, credentials.createInsecure(), channelOptions);
  createOrder = prepareCreateOrder(client, 3_000);
});
beforeEach(() => {
  calls = [];
  mode = 'answers';
});
afterAll(() => {
  client.close();
  server.forceShutdown();
});

const ask = async (amount: number, idempotencyKey?: string): Promise<Order> =>
  await createOrder({ userId, amount: BigInt(amount), description: 'books', idempotencyKey }, `request-${amount}`);
const askTogether = async (count: number, key: (n: number) => string | undefined) =>
  await Promise.allSettled(Array.from({ length: count }, (_, n) => ask(n, key(n))));

test('a lone order goes alone', async () => {
  expect(await ask(7)).toMatchObject({ amount: 7n });
  expect(calls.map((orders) => orders.map(({ amount }) => amount))).toEqual([[7n]]);
});

test('orders that come together share calls, and each gets the answer to its own', async () => {
  const answers = await askTogether(100, (n) => `k-${n}`);
  expect(calls.length).toBeLessThanOrEqual(10);
  expect(Math.max(...calls.map((orders) => orders.length))).toBe(24);
  for (const [n, answer] of answers.entries())
    expect(answer).toMatchObject(
      n % 2 === 0
        ? { reason: { code: 'INVALID_FIELD', details: { field: `${n}` } } }
        : { value: { id: `order-${n}`, amount: BigInt(n) } },
    );
});

test('those without a key are never sent twice, and share no call with those that have one', async () => {
  mode = 'is unavailable';
  const answers = await askTogether(40, (n) => (n < 20 ? `k-${n}` : undefined));
  for (const answer of answers) expect(answer).toMatchObject({ reason: { code: 'UNAVAILABLE' } });
  const sent = (n: number): number => calls.flat().filter(({ amount }) => amount === BigInt(n)).length;
  expect(Array.from({ length: 40 }, (_, n) => sent(n))).toEqual(Array.from({ length: 40 }, (_, n) => (n < 20 ? 4 : 1)));
  for (const orders of calls)
    expect(new Set(orders.map(({ idempotencyKey }) => idempotencyKey === undefined)).size).toBe(1);
});

test('calls that hang keep nobody else out', async () => {
  mode = 'hangs';
  const hanging = askTogether(5, () => 'k');
  while (calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  mode = 'answers';
  const startedMs = performance.now();
  await Promise.all([ask(1, 'k'), ask(3, 'k'), ask(5, 'k'), ask(9, 'k'), ask(11, 'k')]);
  expect(performance.now() - startedMs).toBeLessThan(1_500);
  for (const answer of await hanging)
    expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'DEADLINE_EXCEEDED' } });
});

test('what could not be written together is sent again alone, where it has a key', async () => {
  mode = 'cannot write batches';
  const withKeys = await askTogether(30, (n) => `k-${n}`);
  expect(withKeys.map((answer) => answer.status)).toEqual(withKeys.map(() => 'fulfilled'));
  const without = await askTogether(30, () => undefined);
  const refused = without.filter((answer) => answer.status === 'rejected');
  expect(refused.length).toBeGreaterThanOrEqual(24);
  expect(refused[0]).toMatchObject({ reason: { code: 'UNAVAILABLE' } });
});
