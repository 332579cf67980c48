import type { OrderId, UserId } from '@order-payments/kernel/ids.ts';

/** An order as Orders knows it. */
export interface Order {
  readonly id: OrderId;
  readonly userId: UserId;
  readonly amount: bigint;
  readonly status: 'NEW' | 'FINISHED' | 'CANCELED';
  readonly cancelReason: string | null;
  /** Older than an order may be in flight. */
  readonly isOverdue: boolean;
  /** The sweeper told its event again, or settled it without the outcome's. */
  readonly isSwept: boolean;
  /** Young enough for Payments' inbox to remember its event. */
  readonly isRemembered: boolean;
}

export interface Payment {
  readonly userId: UserId;
  readonly amount: bigint;
  readonly status: 'SUCCEEDED' | 'FAILED';
  readonly reason: string | null;
  readonly isOverdue: boolean;
  /** Young enough for Orders' inbox to remember its event. */
  readonly isRemembered: boolean;
}

export interface Debits {
  readonly count: number;
  /** Of the account that was debited; of one of them where there are several. */
  readonly userId: UserId;
  readonly amount: bigint;
}

/** What Payments knows of an order: either is missing only where something is wrong. */
export interface Decision {
  readonly id: OrderId;
  readonly payment: Payment | undefined;
  readonly debits: Debits | undefined;
}

/** One order seen from both databases. */
export interface OrderFacts {
  readonly id: OrderId;
  readonly order: Order | undefined;
  readonly decision: Decision | undefined;
}
