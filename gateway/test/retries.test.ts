import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { OrdersServiceService } from '@order-payments/contracts/generated/orders/v1/orders.ts';
import { PaymentsServiceService } from '@order-payments/contracts/generated/payments/v1/payments.ts';
import { startTestGateway, userId, validOrder, type TestGateway } from './gateway.ts';

// Services that cannot be had, at the one instant that a real one is hard to catch at: the call has arrived, and the
// answer is UNAVAILABLE. Whether it was carried out is then not known.
let gateway: TestGateway;
let calls: string[] = [];
const server = new Server();

beforeAll(async () => {
  for (const definition of [OrdersServiceService, PaymentsServiceService])
    server.addService(
      definition,
      Object.fromEntries(
        Object.keys(definition).map((name) => [
          name,
          (_call: ServerUnaryCall<unknown, unknown>, answer: sendUnaryData<unknown>) => {
            calls.push(name);
            answer({ code: status.UNAVAILABLE });
          },
        ]),
      ),
    );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  const target = `dns:///127.0.0.1:${port}`;
  gateway = await startTestGateway({ ORDERS_GRPC_URL: target, PAYMENTS_GRPC_URL: target });
});
beforeEach(() => {
  calls = [];
});
afterAll(async () => {
  await gateway.stop();
  server.forceShutdown();
});

async function post(path: string, body: unknown, key?: string): Promise<number> {
  const response = await fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...(key !== undefined && { 'Idempotency-Key': key }) },
    body: JSON.stringify(body),
  });
  return response.status;
}

test('a keyless order or top-up is never sent twice', async () => {
  expect(await post('/orders', validOrder)).toBe(503);
  expect(await post(`/accounts/${userId}/top-ups`, { amount: 1 })).toBe(503);
  expect(calls).toEqual(['createOrder', 'topUpAccount']);
});

test('opening an account is never sent twice: the second would say 409 to the one who opened it', async () => {
  expect(await post('/accounts', { user_id: userId })).toBe(503);
  expect(calls).toEqual(['createAccount']);
});

test('with a key they are sent again, a few times', async () => {
  expect(await post('/orders', validOrder, 'k')).toBe(503);
  expect(await post(`/accounts/${userId}/top-ups`, { amount: 1 }, 'k')).toBe(503);
  expect(calls.filter((name) => name === 'createOrder')).toHaveLength(4);
  expect(calls.filter((name) => name === 'topUpAccount')).toHaveLength(4);
});

test('what only reads is sent again', async () => {
  for (const path of [`/orders/${userId}`, `/orders?user_id=${userId}`, `/accounts/${userId}`])
    expect((await fetch(`${gateway.url}${path}`)).status).toBe(503);
  expect(calls).toHaveLength(12);
});
