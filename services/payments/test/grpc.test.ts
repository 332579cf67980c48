import { credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { loadPaymentsDescriptors } from '@order-payments/contracts/descriptors.ts';
import {
  PaymentsServiceClient,
  PaymentStatus,
  TransactionType,
} from '@order-payments/contracts/generated/payments/v1/payments.ts';
import { newOrderId } from '@order-payments/kernel/ids.ts';
import { callUnary, channelOptions, type CallSettings } from '@order-payments/platform/grpc/client.ts';
import { startGrpcServer, type GrpcServer } from '@order-payments/platform/grpc/server.ts';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { paymentsService } from '../src/grpc/payments-service.ts';
import {
  logger,
  newOrder,
  newUserId,
  openPaymentsDatabase,
  recordOf,
  type PaymentsDatabase,
} from './payments-database.ts';

let payments: PaymentsDatabase;
let server: GrpcServer;
let client: PaymentsServiceClient;
beforeAll(async () => {
  payments = await openPaymentsDatabase();
  server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [paymentsService(payments)],
    descriptors: loadPaymentsDescriptors(),
    logger,
    registry: payments.registry,
  });
  client = new PaymentsServiceClient(`127.0.0.1:${server.port}`, credentials.createInsecure(), channelOptions);
});
afterAll(async () => {
  client.close();
  await server.stop();
  await payments.end();
});

const settings: CallSettings = { requestId: 'test', timeoutMs: 5_000, retry: false };
const calls = {
  createAccount: async (userId: string) => await callUnary(client.createAccount.bind(client), { userId }, settings),
  getAccount: async (userId: string) => await callUnary(client.getAccount.bind(client), { userId }, settings),
  topUpAccount: async (userId: string, amount: bigint, idempotencyKey?: string) =>
    await callUnary(client.topUpAccount.bind(client), { userId, amount, idempotencyKey }, settings),
  listTransactions: async (userId: string, pageSize = 0, pageToken = '') =>
    await callUnary(client.listTransactions.bind(client), { userId, pageSize, pageToken }, settings),
  getPayments: async (orderIds: string[]) => await callUnary(client.getPayments.bind(client), { orderIds }, settings),
};

describe('an account', () => {
  test('is opened once, read, topped up, and shows its statement', async () => {
    const userId = newUserId();
    const { account } = await calls.createAccount(userId);
    expect(account).toMatchObject({ userId, balance: 0n });
    expect(account?.updatedAt?.getTime()).toBeGreaterThan(Date.now() - 10_000);
    await expect(calls.createAccount(userId)).rejects.toMatchObject({ code: 'ACCOUNT_ALREADY_EXISTS' });

    const { transaction } = await calls.topUpAccount(userId, 1_000n, 'k');
    expect(transaction).toMatchObject({
      accountId: account?.id,
      amount: 1_000n,
      balanceAfter: 1_000n,
      type: TransactionType.TRANSACTION_TYPE_CREDIT,
    });
    expect((await calls.topUpAccount(userId, 1_000n, 'k')).transaction).toEqual(transaction);

    const order = newOrder(userId, 600n);
    await payments.consume([recordOf(payments, order)]);
    expect((await calls.getAccount(userId)).account).toMatchObject({ id: account?.id, balance: 400n });
    const { transactions, nextPageToken } = await calls.listTransactions(userId);
    expect(
      transactions.map(({ type, balanceAfter, referenceOrderId }) => [type, balanceAfter, referenceOrderId]),
    ).toEqual([
      [TransactionType.TRANSACTION_TYPE_DEBIT, 400n, order.orderId],
      [TransactionType.TRANSACTION_TYPE_CREDIT, 1_000n, undefined],
    ]);
    expect(nextPageToken).toBe('');

    const page = await calls.listTransactions(userId, 1);
    expect((await calls.listTransactions(userId, 1, page.nextPageToken)).transactions).toEqual([transaction]);
  });

  test('is found whatever the case of its id', async () => {
    const userId = newUserId();
    await calls.createAccount(userId.toUpperCase());
    expect((await calls.getAccount(userId)).account?.userId).toBe(userId);
  });

  test('that is not there is ACCOUNT_NOT_FOUND to every call', async () => {
    const userId = newUserId();
    const missing = [calls.getAccount(userId), calls.topUpAccount(userId, 1n), calls.listTransactions(userId)];
    await Promise.all(
      missing.map(async (call) => await expect(call).rejects.toMatchObject({ code: 'ACCOUNT_NOT_FOUND' })),
    );
  });
});

test('payments are the outcomes of the orders that were decided', async () => {
  const userId = await payments.openAccount(10n);
  const [paid, refused] = [newOrder(userId, 10n), newOrder(userId, 1n)];
  await payments.consume([recordOf(payments, paid), recordOf(payments, refused)]);
  const { payments: found } = await calls.getPayments([paid.orderId, refused.orderId, newOrderId(), paid.orderId]);
  expect(found.sort((a, b) => a.status - b.status)).toMatchObject([
    { ...paid, status: PaymentStatus.PAYMENT_STATUS_SUCCEEDED, reason: undefined },
    { ...refused, status: PaymentStatus.PAYMENT_STATUS_FAILED, reason: 'INSUFFICIENT_FUNDS' },
  ]);
  expect((await calls.getPayments([])).payments).toEqual([]);
});

describe('what the gateway should have refused is refused here again', () => {
  const userId = newUserId();
  const key = (text: string) => async () => await calls.topUpAccount(userId, 1n, text);
  test.each<[string, string, () => Promise<unknown>]>([
    ['a missing user id', 'INVALID_FIELD', async () => await calls.createAccount('')],
    ['a user id in braces', 'INVALID_FIELD', async () => await calls.getAccount(`{${userId}}`)],
    ['a user id with NUL', 'INVALID_FIELD', async () => await calls.getAccount(`${userId}\0`)],
    ['an amount of 0', 'INVALID_FIELD', async () => await calls.topUpAccount(userId, 0n)],
    ['a negative amount', 'INVALID_FIELD', async () => await calls.topUpAccount(userId, -1n)],
    ['an amount of 2^53', 'INVALID_FIELD', async () => await calls.topUpAccount(userId, 2n ** 53n)],
    ['the largest int64', 'INVALID_FIELD', async () => await calls.topUpAccount(userId, 2n ** 63n - 1n)],
    ['an empty key', 'INVALID_IDEMPOTENCY_KEY', key('')],
    ['a key that is too long', 'INVALID_IDEMPOTENCY_KEY', key('k'.repeat(256))],
    ['a key that is not ASCII', 'INVALID_IDEMPOTENCY_KEY', key('ключ')],
    ['a negative page size', 'INVALID_FIELD', async () => await calls.listTransactions(userId, -1)],
    ['a page size of 101', 'INVALID_FIELD', async () => await calls.listTransactions(userId, 101)],
    ['a forged page token', 'INVALID_CURSOR', async () => await calls.listTransactions(userId, 1, 'eA')],
    ['an order id that is none', 'INVALID_FIELD', async () => await calls.getPayments(['x'])],
    ['101 order ids', 'INVALID_FIELD', async () => await calls.getPayments(Array.from({ length: 101 }, newOrderId))],
  ])('%s', async (_what, code, call) => {
    await expect(call()).rejects.toMatchObject({ code, cause: { code: status.INVALID_ARGUMENT } });
  });

  test('an id of invalid UTF-8', async () => {
    const bytes = Buffer.from([0x0a, 0x02, 0xc3, 0x28]);
    const error = await new Promise<ServiceError | null>((resolve) => {
      client.makeUnaryRequest(
        '/payments.v1.PaymentsService/GetAccount',
        (message: Buffer) => message,
        (message: Buffer) => message,
        bytes,
        new Metadata(),
        { deadline: Date.now() + 5_000 },
        resolve,
      );
    });
    expect(error?.code).toBe(status.INVALID_ARGUMENT);
  });
});
