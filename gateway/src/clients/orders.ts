import { credentials } from '@grpc/grpc-js';
import {
  OrdersServiceClient,
  type Order,
  type OrderStatus,
} from '@order-payments/contracts/generated/orders/v1/orders.ts';
import { assert } from '@order-payments/kernel/assert.ts';
import type { OrderId, UserId } from '@order-payments/kernel/ids.ts';
import { callUnary, channelOptions } from '@order-payments/platform/grpc/client.ts';
import { prepareCreateOrder } from './create-orders.ts';
import { isReachable, type CallContext, type ServiceClient } from './service-client.ts';

export interface NewOrder {
  readonly userId: UserId;
  readonly amount: bigint;
  readonly description: string;
  readonly idempotencyKey: string | undefined;
}

export interface OrderList {
  readonly userId: UserId;
  readonly status: OrderStatus;
  readonly pageSize: number;
  readonly pageToken: string;
}

/** Each function is one call with a deadline and throws AppError. */
export interface OrdersClient extends ServiceClient {
  createOrder(order: NewOrder, call: CallContext): Promise<Order>;
  getOrder(orderId: OrderId, call: CallContext): Promise<Order>;
  listOrders(list: OrderList, call: CallContext): Promise<{ orders: readonly Order[]; nextPageToken: string }>;
}

export function createOrdersClient(options: { target: string; timeoutMs: number }): OrdersClient {
  const { target, timeoutMs } = options;
  const client = new OrdersServiceClient(target, credentials.createInsecure(), channelOptions);
  const createOrder = prepareCreateOrder(client, timeoutMs);
  const getOrder = client.getOrder.bind(client);
  const listOrders = client.listOrders.bind(client);
  return {
    createOrder: async (order, { requestId }) => createOrder(order, requestId),
    getOrder: async (orderId, { requestId }) =>
      required(await callUnary(getOrder, { orderId }, { requestId, timeoutMs, retry: true })),
    listOrders: async (list, { requestId }) => callUnary(listOrders, list, { requestId, timeoutMs, retry: true }),
    isReachable: async (withinMs) => isReachable(client, withinMs),
    close: () => client.close(),
  };
}

function required({ order }: { order: Order | undefined }): Order {
  assert(order !== undefined, 'Orders answered without an order');
  return order;
}
