import type { Router } from '@koa/router';
import { parseUserId } from '@order-payments/kernel/ids.ts';
import type { PaymentsClient } from '../clients/payments.ts';
import { accountPaths } from '../openapi/account-operations.ts';
import { presentAccount, presentCursor, presentTransaction } from '../presenters.ts';
import type { GatewayState } from '../state.ts';
import type { Operate } from './operation.ts';

type AccountPath = { user_id: string };
type CreateAccountInput = { body: { user_id: string } };
type GetAccountInput = { path: AccountPath };
type TopUpInput = { path: AccountPath; headers: { 'Idempotency-Key'?: string }; body: { amount: number } };
type ListTransactionsInput = { path: AccountPath; query: { limit: number; cursor?: string } };

export function addAccountRoutes(
  router: Router<GatewayState>,
  { operate, payments }: { operate: Operate; payments: PaymentsClient },
): void {
  router.post(
    '/accounts',
    operate<CreateAccountInput>(accountPaths['/accounts'].post, async (ctx, { body }) => {
      const account = await payments.createAccount(parseUserId(body.user_id), ctx.state);
      ctx.status = 201;
      ctx.set('Location', `/accounts/${account.userId}`);
      ctx.body = presentAccount(account);
    }),
  );

  router.get(
    '/accounts/:user_id',
    operate<GetAccountInput>(accountPaths['/accounts/{user_id}'].get, async (ctx, { path }) => {
      ctx.body = presentAccount(await payments.getAccount(parseUserId(path.user_id), ctx.state));
    }),
  );

  router.post(
    '/accounts/:user_id/top-ups',
    operate<TopUpInput>(accountPaths['/accounts/{user_id}/top-ups'].post, async (ctx, { path, headers, body }) => {
      const transaction = await payments.topUpAccount(
        {
          userId: parseUserId(path.user_id),
          amount: BigInt(body.amount),
          idempotencyKey: headers['Idempotency-Key'],
        },
        ctx.state,
      );
      ctx.status = 201;
      ctx.body = presentTransaction(transaction);
    }),
  );

  router.get(
    '/accounts/:user_id/transactions',
    operate<ListTransactionsInput>(
      accountPaths['/accounts/{user_id}/transactions'].get,
      async (ctx, { path, query }) => {
        const page = await payments.listTransactions(
          { userId: parseUserId(path.user_id), pageSize: query.limit, pageToken: query.cursor ?? '' },
          ctx.state,
        );
        ctx.body = {
          transactions: page.transactions.map(presentTransaction),
          next_cursor: presentCursor(page.nextPageToken),
        };
      },
    ),
  );
}
