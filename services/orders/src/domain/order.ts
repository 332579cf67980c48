import type { CancelReason } from '@order-payments/contracts/events.ts';
import type { OrderId, UserId } from '@order-payments/kernel/ids.ts';

export const orderStatuses = ['NEW', 'FINISHED', 'CANCELED'] as const;
export type OrderStatus = (typeof orderStatuses)[number];

/** What a client asks for. */
export interface OrderRequest {
  readonly userId: UserId;
  readonly amount: bigint;
  readonly description: string;
  /** Absent: the client accepts duplicates. */
  readonly idempotencyKey: string | undefined;
}

/** An order that was asked for and may not be written yet. Its id and time are given once, whatever is tried how often. */
export interface NewOrder extends OrderRequest {
  readonly id: OrderId;
  readonly createdAt: Date;
}

export type OrderState =
  | { readonly status: 'NEW' }
  | { readonly status: 'FINISHED'; readonly settledAt: Date }
  | { readonly status: 'CANCELED'; readonly settledAt: Date; readonly cancelReason: CancelReason };

export type Order = Omit<NewOrder, 'idempotencyKey'> & OrderState;

export function asOrder({ id, userId, amount, description, createdAt }: NewOrder): Order {
  return { id, userId, amount, description, createdAt, status: 'NEW' };
}

/** Whether the stored order is the one that was asked for: a key that comes with another request is refused. */
export function isSameRequest(stored: Order, request: OrderRequest): boolean {
  return (
    stored.userId === request.userId && stored.amount === request.amount && stored.description === request.description
  );
}

/** The id below which all orders were created before the time: version 7 begins with 48 bits of milliseconds. */
export function lowestOrderIdAt(time: Date): OrderId {
  const hex = Math.max(time.getTime(), 0).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000` as OrderId;
}
