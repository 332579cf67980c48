import { OrderStatus, type Order } from '@order-payments/contracts/generated/orders/v1/orders.ts';
import {
  TransactionType,
  type Account,
  type Transaction,
} from '@order-payments/contracts/generated/payments/v1/payments.ts';
import { assert } from '@order-payments/kernel/assert.ts';
import { toSafeNumber } from '@order-payments/kernel/money.ts';
import type { OrderStatusName } from './openapi/schemas.ts';

const orderStatusNames: Readonly<Record<OrderStatusName, OrderStatus>> = {
  NEW: OrderStatus.ORDER_STATUS_NEW,
  FINISHED: OrderStatus.ORDER_STATUS_FINISHED,
  CANCELED: OrderStatus.ORDER_STATUS_CANCELED,
};
const nameOfOrderStatus = new Map(Object.entries(orderStatusNames).map(([name, status]) => [status, name]));
const nameOfTransactionType = new Map<TransactionType, string>([
  [TransactionType.TRANSACTION_TYPE_CREDIT, 'CREDIT'],
  [TransactionType.TRANSACTION_TYPE_DEBIT, 'DEBIT'],
]);

/** Orders of every status when no name is given. */
export function orderStatusOf(name: OrderStatusName | undefined): OrderStatus {
  return name === undefined ? OrderStatus.ORDER_STATUS_UNSPECIFIED : orderStatusNames[name];
}

export function presentAccount(account: Account): Record<string, unknown> {
  return {
    id: account.id,
    user_id: account.userId,
    balance: toSafeNumber(account.balance),
    updated_at: required(account.updatedAt),
  };
}

export function presentTransaction(transaction: Transaction): Record<string, unknown> {
  return {
    id: transaction.id,
    account_id: transaction.accountId,
    type: required(nameOfTransactionType.get(transaction.type)),
    amount: toSafeNumber(transaction.amount),
    order_id: transaction.referenceOrderId ?? null,
    balance_after: toSafeNumber(transaction.balanceAfter),
    created_at: required(transaction.createdAt),
  };
}

export function presentOrder(order: Order): Record<string, unknown> {
  return {
    id: order.id,
    user_id: order.userId,
    amount: toSafeNumber(order.amount),
    description: order.description,
    status: required(nameOfOrderStatus.get(order.status)),
    cancel_reason: order.cancelReason ?? null,
    created_at: required(order.createdAt),
    settled_at: order.settledAt ?? null,
  };
}

/** A page token is empty on the last page; a cursor is null there. */
export function presentCursor(nextPageToken: string): string | null {
  return nextPageToken === '' ? null : nextPageToken;
}

function required<T>(value: T | undefined): T {
  assert(value !== undefined, 'a service left out a field that is always there');
  return value;
}
