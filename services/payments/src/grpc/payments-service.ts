import {
  PaymentsServiceService,
  type CreateAccountRequest,
  type CreateAccountResponse,
  type GetAccountRequest,
  type GetAccountResponse,
  type GetPaymentsRequest,
  type GetPaymentsResponse,
  type ListTransactionsRequest,
  type ListTransactionsResponse,
  type TopUpAccountRequest,
  type TopUpAccountResponse,
} from '@order-payments/contracts/generated/payments/v1/payments.ts';
import { pageSizeDefault, pageSizeMax } from '@order-payments/kernel/cursor.ts';
import { invalidField } from '@order-payments/kernel/errors.ts';
import { parseOrderId, parseUserId } from '@order-payments/kernel/ids.ts';
import { parseAmount } from '@order-payments/kernel/money.ts';
import { parseIdempotencyKey } from '@order-payments/kernel/text.ts';
import type { Database } from '@order-payments/platform/db/pool.ts';
import { retryTransient } from '@order-payments/platform/db/retry.ts';
import type { Call } from '@order-payments/platform/grpc/server.ts';
import { createAccount } from '../commands/create-account.ts';
import { getAccount } from '../commands/get-account.ts';
import { listTransactions } from '../commands/list-transactions.ts';
import { topUpAccount } from '../commands/top-up-account.ts';
import type { PaymentsMetrics } from '../metrics.ts';
import { findPayments } from '../store/payments.ts';
import { presentAccount, presentPayment, presentTransaction } from './present.ts';

const orderIdsMax = 100;

/** The calls of payments.v1.PaymentsService. Every field is checked here, whatever the caller checked. */
export function paymentsService({ database, metrics }: { database: Database; metrics: PaymentsMetrics }) {
  const handlers = {
    async createAccount(request: CreateAccountRequest, { deadlineMs }: Call): Promise<CreateAccountResponse> {
      const account = await createAccount(database, { userId: parseUserId(request.userId), deadlineMs });
      return { account: presentAccount(account) };
    },

    async getAccount(request: GetAccountRequest, { deadlineMs }: Call): Promise<GetAccountResponse> {
      const userId = parseUserId(request.userId);
      const account = await retryTransient(deadlineMs, async () => await getAccount(database, userId));
      return { account: presentAccount(account) };
    },

    async topUpAccount(request: TopUpAccountRequest, { deadlineMs }: Call): Promise<TopUpAccountResponse> {
      const transaction = await topUpAccount(database, {
        userId: parseUserId(request.userId),
        amount: parseAmount(request.amount),
        idempotencyKey: parseIdempotencyKey(request.idempotencyKey),
        deadlineMs,
      });
      metrics.topUps.inc();
      return { transaction: presentTransaction(transaction) };
    },

    async listTransactions(request: ListTransactionsRequest, { deadlineMs }: Call): Promise<ListTransactionsResponse> {
      const page = {
        userId: parseUserId(request.userId),
        pageSize: parsePageSize(request.pageSize),
        cursor: request.pageToken === '' ? undefined : request.pageToken,
      };
      const { transactions, nextCursor } = await retryTransient(
        deadlineMs,
        async () => await listTransactions(database, page),
      );
      return { transactions: transactions.map(presentTransaction), nextPageToken: nextCursor ?? '' };
    },

    async getPayments(request: GetPaymentsRequest, { deadlineMs }: Call): Promise<GetPaymentsResponse> {
      if (request.orderIds.length > orderIdsMax) throw invalidField('order_ids', `must be at most ${orderIdsMax}`);
      const orderIds = request.orderIds.map((orderId) => parseOrderId(orderId, 'order_ids'));
      const payments = await retryTransient(deadlineMs, async () => await findPayments(database, orderIds));
      return { payments: payments.map(presentPayment) };
    },
  };
  return { definition: PaymentsServiceService, handlers };
}

/** Proto's 0 is "not set". */
function parsePageSize(pageSize: number): number {
  if (pageSize < 0 || pageSize > pageSizeMax) throw invalidField('page_size', `must be 1 to ${pageSizeMax}`);
  return pageSize === 0 ? pageSizeDefault : pageSize;
}
