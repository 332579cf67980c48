import { descriptionLengthMax } from '@order-payments/kernel/text.ts';
import { moneyMax } from '@order-payments/kernel/money.ts';
import { cancelReasons } from '@order-payments/contracts/events.ts';
import { problemCodes } from '../middleware/problem-table.ts';
import type { Reference, Schema } from './types.ts';

export const orderStatuses = ['NEW', 'FINISHED', 'CANCELED'] as const;
export type OrderStatusName = (typeof orderStatuses)[number];

export const sampleIds = {
  user: '0198c5a0-7f3e-7c55-9a31-2f1d8a4b6c01',
  account: '0198c5a0-8b21-7d0e-8c44-5e6f7a8b9c02',
  order: '0198c5a1-02d4-7e9b-b1f5-3c4d5e6f7a03',
  transaction: '0198c5a1-11aa-7a42-a0c7-9d8e7f6a5b04',
} as const;

// The pattern, because the format alone lets "urn:uuid:..." through.
export const uuid = (description: string, example?: string): Schema => ({
  type: 'string',
  format: 'uuid',
  pattern: '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$',
  description,
  ...(example !== undefined && { examples: [example] }),
});

const money = (description: string, minimum: 0 | 1, example: number): Schema => ({
  type: 'integer',
  format: 'int64',
  minimum,
  maximum: Number(moneyMax),
  description,
  examples: [example],
});

const timestamp = (description: string): Schema => ({
  type: 'string',
  format: 'date-time',
  description,
  examples: ['2026-11-22T10:15:30.123Z'],
});

/** An object with exactly these fields, all of them always there. */
const exactly = (description: string, properties: Readonly<Record<string, Schema | Reference>>): Schema => ({
  type: 'object',
  description,
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});

const page = (name: string, item: Reference): Schema =>
  exactly('One page of a list, newest first.', {
    [name]: { type: 'array', items: item, maxItems: 100 },
    next_cursor: {
      type: ['string', 'null'],
      description:
        'Send it as `cursor` to get the next page, until it is null: only then is the list at its end. A page that is ' +
        'not the last may hold fewer entries than `limit`, or none.',
    },
  });

const userId = uuid('The user: any UUID. Each user has at most one account.', sampleIds.user);
const amount = money('Minor units, such as cents. An integer, however it is written (`1.0` and `1e3` are).', 1, 600);

export const schemas = {
  CreateAccountRequest: exactly('Whose account it is.', { user_id: userId }),
  TopUpRequest: exactly('How much to credit.', { amount: { ...amount, examples: [1000] } }),
  CreateOrderRequest: exactly('What to pay, from whose account.', {
    user_id: userId,
    amount,
    description: {
      type: 'string',
      maxLength: descriptionLengthMax,
      description: 'Free text of at most 500 characters.',
      examples: ['Two books'],
    },
  }),
  Account: exactly('An account with its balance.', {
    id: uuid('The account.', sampleIds.account),
    user_id: userId,
    balance: money('Minor units that the user can spend.', 0, 400),
    updated_at: timestamp('When the balance changed last, or when the account was made.'),
  }),
  Transaction: exactly('One line of an account statement.', {
    id: uuid('The transaction.', sampleIds.transaction),
    account_id: uuid('The account.', sampleIds.account),
    type: {
      type: 'string',
      enum: ['CREDIT', 'DEBIT'],
      description: 'CREDIT: a top-up. DEBIT: an order that was paid.',
    },
    amount: money('Minor units that were added or taken; always positive.', 1, 1000),
    order_id: { ...uuid('The order that a DEBIT paid; null for a CREDIT.'), type: ['string', 'null'] },
    balance_after: money('The balance right after this transaction.', 0, 1000),
    created_at: timestamp('When it was booked.'),
  }),
  Order: exactly('An order and how far it has come.', {
    id: uuid('The order.', sampleIds.order),
    user_id: userId,
    amount,
    description: { type: 'string', description: 'As it was sent.', examples: ['Two books'] },
    status: {
      type: 'string',
      enum: orderStatuses,
      description:
        'NEW until it is settled, then FINISHED (paid) or CANCELED (not paid). A settled order never changes.',
    },
    cancel_reason: {
      type: ['string', 'null'],
      enum: [...cancelReasons, null],
      description: 'Why the order is CANCELED; null for every other status.',
    },
    created_at: timestamp('When the order was accepted.'),
    settled_at: { ...timestamp('When it became FINISHED or CANCELED; null while NEW.'), type: ['string', 'null'] },
  }),
  TransactionPage: page('transactions', { $ref: '#/components/schemas/Transaction' }),
  OrderPage: page('orders', { $ref: '#/components/schemas/Order' }),
  Health: exactly('Whether the gateway runs, or takes work.', { status: { type: 'string', enum: ['live', 'ready'] } }),
  Problem: {
    type: 'object',
    description: 'RFC 9457 problem details. Branch on `code`, which is stable; show `detail` to people.',
    properties: {
      type: {
        type: 'string',
        description: 'The code as a URN.',
        examples: ['urn:order-payments:problem:INVALID_FIELD'],
      },
      title: { type: 'string', description: 'The code in words.' },
      status: { type: 'integer', description: 'The HTTP status.' },
      code: { type: 'string', enum: problemCodes, description: 'The stable code.' },
      detail: { type: 'string', description: 'What is wrong with this request.' },
      request_id: {
        type: 'string',
        description: 'Quote it when you report the problem: it is in the logs of every service.',
      },
      field: { type: 'string', description: 'The field, parameter or header at fault.' },
    },
    required: ['type', 'title', 'status', 'code', 'detail', 'request_id'],
    additionalProperties: false,
  },
} as const satisfies Readonly<Record<string, Schema>>;
