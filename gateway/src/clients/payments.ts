import { credentials } from '@grpc/grpc-js';
import {
  PaymentsServiceClient,
  type Account,
  type Transaction,
} from '@order-payments/contracts/generated/payments/v1/payments.ts';
import { assert } from '@order-payments/kernel/assert.ts';
import type { UserId } from '@order-payments/kernel/ids.ts';
import { callUnary, channelOptions } from '@order-payments/platform/grpc/client.ts';
import { isReachable, type CallContext, type ServiceClient } from './service-client.ts';

export interface TopUp {
  readonly userId: UserId;
  readonly amount: bigint;
  readonly idempotencyKey: string | undefined;
}

export interface TransactionList {
  readonly userId: UserId;
  readonly pageSize: number;
  readonly pageToken: string;
}

/** Each function is one call with a deadline and throws AppError. */
export interface PaymentsClient extends ServiceClient {
  createAccount(userId: UserId, call: CallContext): Promise<Account>;
  getAccount(userId: UserId, call: CallContext): Promise<Account>;
  topUpAccount(topUp: TopUp, call: CallContext): Promise<Transaction>;
  listTransactions(
    list: TransactionList,
    call: CallContext,
  ): Promise<{ transactions: readonly Transaction[]; nextPageToken: string }>;
}

export function createPaymentsClient(options: { target: string; timeoutMs: number }): PaymentsClient {
  const { target, timeoutMs } = options;
  const client = new PaymentsServiceClient(target, credentials.createInsecure(), channelOptions);
  const createAccount = client.createAccount.bind(client);
  const getAccount = client.getAccount.bind(client);
  const topUpAccount = client.topUpAccount.bind(client);
  const listTransactions = client.listTransactions.bind(client);
  return {
    // Not sent twice: the first may have opened the account and lost its answer, and the second would say 409 to the
    // one who opened it. A 503 says truthfully that the outcome is not known.
    createAccount: async (userId, { requestId }) => {
      const { account } = await callUnary(createAccount, { userId }, { requestId, timeoutMs, retry: false });
      return required(account, 'an account');
    },
    getAccount: async (userId, { requestId }) => {
      const { account } = await callUnary(getAccount, { userId }, { requestId, timeoutMs, retry: true });
      return required(account, 'an account');
    },
    topUpAccount: async (topUp, { requestId }) => {
      // Without a key a repetition would be another top-up, so a keyless call is never sent twice.
      const retry = topUp.idempotencyKey !== undefined;
      const { transaction } = await callUnary(topUpAccount, topUp, { requestId, timeoutMs, retry });
      return required(transaction, 'a transaction');
    },
    listTransactions: async (list, { requestId }) =>
      callUnary(listTransactions, list, { requestId, timeoutMs, retry: true }),
    isReachable: async (withinMs) => isReachable(client, withinMs),
    close: () => client.close(),
  };
}

function required<T>(value: T | undefined, what: string): T {
  assert(value !== undefined, `Payments answered without ${what}`);
  return value;
}
