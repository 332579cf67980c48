import { answer, locationHeader } from './answers.ts';
import { operation } from './operation.ts';
import { parameters } from './parameters.ts';
import { sampleIds } from './schemas.ts';

const account = {
  id: sampleIds.account,
  user_id: sampleIds.user,
  balance: 1000,
  updated_at: '2026-11-22T10:15:30.123Z',
};

const credit = {
  id: sampleIds.transaction,
  account_id: sampleIds.account,
  type: 'CREDIT',
  amount: 1000,
  order_id: null,
  balance_after: 1000,
  created_at: '2026-11-22T10:15:30.123Z',
};

export const accountPaths = {
  '/accounts': {
    post: operation({
      id: 'createAccount',
      tag: 'Accounts',
      summary: 'Open an account',
      description:
        'Opens the account of a user with balance 0. A user has at most one, so a repetition answers 409, also after a ' +
        'time-out that did open it: read the account to find out.',
      body: { schema: 'CreateAccountRequest', examples: { account: { value: { user_id: sampleIds.user } } } },
      success: {
        201: answer('The account.', { schema: 'Account', example: { ...account, balance: 0 } }, locationHeader),
      },
      asksService: true,
      refusals: ['ACCOUNT_ALREADY_EXISTS'],
    }),
  },
  '/accounts/{user_id}': {
    get: operation({
      id: 'getAccount',
      tag: 'Accounts',
      summary: 'Read the balance',
      description: "The user's account as it is now.",
      parameters: [parameters.userIdInPath],
      success: { 200: answer('The account.', { schema: 'Account', example: account }) },
      asksService: true,
      refusals: ['ACCOUNT_NOT_FOUND'],
    }),
  },
  '/accounts/{user_id}/top-ups': {
    post: operation({
      id: 'topUpAccount',
      tag: 'Accounts',
      summary: 'Credit an account',
      description:
        'Adds to the balance. The same `Idempotency-Key` with the same amount answers with the same transaction; with ' +
        'another amount it is refused. A refusal uses up no key.',
      parameters: [parameters.userIdInPath, parameters.idempotencyKey],
      body: { schema: 'TopUpRequest', examples: { topUp: { value: { amount: 1000 } } } },
      success: { 201: answer('The transaction.', { schema: 'Transaction', example: credit }) },
      asksService: true,
      refusals: ['ACCOUNT_NOT_FOUND', 'INVALID_IDEMPOTENCY_KEY', 'IDEMPOTENCY_KEY_REUSED', 'BALANCE_LIMIT_EXCEEDED'],
    }),
  },
  '/accounts/{user_id}/transactions': {
    get: operation({
      id: 'listTransactions',
      tag: 'Accounts',
      summary: 'Read the statement',
      description: 'Every change of the balance, newest first.',
      parameters: [parameters.userIdInPath, parameters.limit, parameters.cursor],
      success: {
        200: answer('A page of the statement.', {
          schema: 'TransactionPage',
          example: { transactions: [credit], next_cursor: null },
        }),
      },
      asksService: true,
      refusals: ['ACCOUNT_NOT_FOUND', 'INVALID_CURSOR'],
    }),
  },
} as const;
