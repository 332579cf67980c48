import { OrderStatus, type Order as OrderMessage } from '@order-payments/contracts/generated/orders/v1/orders.ts';
import type { Order } from '../domain/order.ts';

export function presentOrder(order: Order): OrderMessage {
  const { id, userId, amount, description, createdAt } = order;
  const message = { id, userId, amount, description, createdAt };
  switch (order.status) {
    case 'NEW':
      return { ...message, status: OrderStatus.ORDER_STATUS_NEW, settledAt: undefined };
    case 'FINISHED':
      return { ...message, status: OrderStatus.ORDER_STATUS_FINISHED, settledAt: order.settledAt };
    case 'CANCELED': {
      const { settledAt, cancelReason } = order;
      return { ...message, status: OrderStatus.ORDER_STATUS_CANCELED, settledAt, cancelReason };
    }
  }
}
