import type { CancelReason } from '@order-payments/contracts/events.ts';
import type { AccountId, OrderId, TransactionId, UserId } from '@order-payments/kernel/ids.ts';

/** Money that a user can spend on orders. A user has at most one account. */
export interface Account {
  readonly id: AccountId;
  readonly userId: UserId;
  readonly balance: bigint;
  /** How many transactions led to this balance. */
  readonly version: bigint;
  readonly updatedAt: Date;
}

interface AnyTransaction {
  readonly id: TransactionId;
  readonly accountId: AccountId;
  /** The step of the account that this is: 1 for its first transaction. */
  readonly accountVersion: bigint;
  readonly amount: bigint;
  readonly balanceAfter: bigint;
  readonly createdAt: Date;
}

export type Credit = AnyTransaction & { readonly type: 'CREDIT' };
export type Debit = AnyTransaction & { readonly type: 'DEBIT'; readonly orderId: OrderId };
export type Transaction = Credit | Debit;

interface AnyPayment {
  readonly orderId: OrderId;
  readonly userId: UserId;
  readonly amount: bigint;
  /** When it was decided. */
  readonly createdAt: Date;
}

/** What was decided on an order. It never changes. */
export type Payment =
  | (AnyPayment & { readonly status: 'SUCCEEDED' })
  | (AnyPayment & { readonly status: 'FAILED'; readonly reason: CancelReason });
