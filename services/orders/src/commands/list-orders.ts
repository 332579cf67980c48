import { decodeCursor, encodeCursor } from '@order-payments/kernel/cursor.ts';
import { AppError } from '@order-payments/kernel/errors.ts';
import { parseOrderId, type OrderId, type UserId } from '@order-payments/kernel/ids.ts';
import type { Connection } from '@order-payments/platform/db/pool.ts';
import type { Order, OrderStatus } from '../domain/order.ts';
import { findOrderPage } from '../store/order-pages.ts';

// 2,000 orders of one user, each on a page of its own, are 5 ms from the cache.
const scanMaxDefault = 2_000;

export interface OrderList {
  readonly orders: readonly Order[];
  /** Undefined on the last page. A page before it may be short or empty when a status is asked for. */
  readonly nextCursor: string | undefined;
}

/** A page of the user's orders, newest first. INVALID_CURSOR for what this list did not return. */
export async function listOrders(
  connection: Connection,
  request: { userId: UserId; status: OrderStatus | undefined; pageSize: number; cursor: string | undefined },
  scanMax = scanMaxDefault,
): Promise<OrderList> {
  const { userId, status, pageSize, cursor } = request;
  const list = `orders of ${userId} ${status ?? ''}`;
  const belowId = cursor === undefined ? undefined : parsePosition(decodeCursor(list, cursor));
  const page = await findOrderPage(connection, { userId, status, belowId, size: pageSize, scanMax });
  return {
    orders: page.orders,
    nextCursor: page.belowId === undefined ? undefined : encodeCursor(list, page.belowId),
  };
}

/** A cursor is no secret, so whoever forges one may have put anything in it. */
function parsePosition(position: string): OrderId {
  try {
    return parseOrderId(position);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError('INVALID_CURSOR', 'cursor is not one that this list returned', { field: 'cursor' });
  }
}
