import { AppError } from '@order-payments/kernel/errors.ts';
import type { OrderId } from '@order-payments/kernel/ids.ts';
import type { Connection } from '@order-payments/platform/db/pool.ts';
import type { Order } from '../domain/order.ts';
import { findOrder } from '../store/orders.ts';

/** ORDER_NOT_FOUND where there is none. */
export async function getOrder(connection: Connection, orderId: OrderId): Promise<Order> {
  const order = await findOrder(connection, orderId);
  if (order === null) throw new AppError('ORDER_NOT_FOUND', 'there is no such order');
  return order;
}
