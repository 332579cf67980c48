import { cancelReasons } from '@order-payments/contracts/events.ts';
import type { AccountId, OrderId, TransactionId, UserId } from '@order-payments/kernel/ids.ts';
import { sql } from '@order-payments/platform/db/pool.ts';
import { z } from 'zod';
import type { Account, Payment, Transaction } from '../domain/account.ts';

// What PostgreSQL answers, checked and turned into the domain's types. Its uuid text is lower case, as our ids are.
const id = <Id extends string>() => z.custom<Id>((value) => typeof value === 'string');
const time = z.date();

export const accountColumns = sql.fragment`id, user_id, balance, version, updated_at`;

export const accountRow = z
  .object({ id: id<AccountId>(), user_id: id<UserId>(), balance: z.bigint(), version: z.bigint(), updated_at: time })
  .transform((row): Account => ({
    id: row.id,
    userId: row.user_id,
    balance: row.balance,
    version: row.version,
    updatedAt: row.updated_at,
  }));

export const transactionColumns = sql.fragment`
  id, account_id, account_version, type, amount, reference_order_id, balance_after, created_at`;

const transactionFields = {
  id: id<TransactionId>(),
  account_id: id<AccountId>(),
  account_version: z.bigint(),
  amount: z.bigint(),
  balance_after: z.bigint(),
  created_at: time,
};

export const transactionRow = z
  .discriminatedUnion('type', [
    z.object({ ...transactionFields, type: z.literal('CREDIT'), reference_order_id: z.null() }),
    z.object({ ...transactionFields, type: z.literal('DEBIT'), reference_order_id: id<OrderId>() }),
  ])
  .transform((row): Transaction => {
    const transaction = {
      id: row.id,
      accountId: row.account_id,
      accountVersion: row.account_version,
      amount: row.amount,
      balanceAfter: row.balance_after,
      createdAt: row.created_at,
    };
    return row.type === 'CREDIT'
      ? { ...transaction, type: row.type }
      : { ...transaction, type: row.type, orderId: row.reference_order_id };
  });

export const paymentColumns = sql.fragment`order_id, user_id, amount, status, reason, created_at`;

const paymentFields = { order_id: id<OrderId>(), user_id: id<UserId>(), amount: z.bigint(), created_at: time };

export const paymentRow = z
  .discriminatedUnion('status', [
    z.object({ ...paymentFields, status: z.literal('SUCCEEDED'), reason: z.null() }),
    z.object({ ...paymentFields, status: z.literal('FAILED'), reason: z.enum(cancelReasons) }),
  ])
  .transform((row): Payment => {
    const payment = { orderId: row.order_id, userId: row.user_id, amount: row.amount, createdAt: row.created_at };
    return row.status === 'SUCCEEDED'
      ? { ...payment, status: row.status }
      : { ...payment, status: row.status, reason: row.reason };
  });
