import {
  OrdersServiceService,
  OrderStatus as OrderStatusMessage,
  type CreateOrderRequest,
  type CreateOrderResponse,
  type CreateOrderResult,
  type CreateOrdersRequest,
  type CreateOrdersResponse,
  type GetOrderRequest,
  type GetOrderResponse,
  type ListOrdersRequest,
  type ListOrdersResponse,
  type Order as OrderMessage,
} from '@order-payments/contracts/generated/orders/v1/orders.ts';
import { pageSizeDefault, pageSizeMax } from '@order-payments/kernel/cursor.ts';
import { AppError, invalidField } from '@order-payments/kernel/errors.ts';
import { parseOrderId, parseUserId } from '@order-payments/kernel/ids.ts';
import { parseAmount } from '@order-payments/kernel/money.ts';
import { parseDescription, parseIdempotencyKey } from '@order-payments/kernel/text.ts';
import type { Database } from '@order-payments/platform/db/pool.ts';
import { retryTransient } from '@order-payments/platform/db/retry.ts';
import type { Call } from '@order-payments/platform/grpc/server.ts';
import { toRefusal } from '@order-payments/platform/grpc/status.ts';
import type { CreateOrder } from '../commands/create-order.ts';
import { getOrder } from '../commands/get-order.ts';
import { listOrders } from '../commands/list-orders.ts';
import type { OrderStatus } from '../domain/order.ts';
import { presentOrder } from './present.ts';

const ordersMax = 100;

/** The calls of orders.v1.OrdersService. Every field is checked here, whatever the caller checked. */
export function ordersService({ database, createOrder }: { database: Database; createOrder: CreateOrder }) {
  const createOne = async (request: CreateOrderRequest, { deadlineMs }: Call): Promise<OrderMessage> => {
    const order = await createOrder(
      {
        userId: parseUserId(request.userId),
        amount: parseAmount(request.amount),
        description: parseDescription(request.description),
        idempotencyKey: parseIdempotencyKey(request.idempotencyKey),
      },
      deadlineMs,
    );
    return presentOrder(order);
  };
  const handlers = {
    async createOrder(request: CreateOrderRequest, call: Call): Promise<CreateOrderResponse> {
      return { order: await createOne(request, call) };
    },

    async createOrders({ orders }: CreateOrdersRequest, call: Call): Promise<CreateOrdersResponse> {
      if (orders.length > ordersMax) throw invalidField('orders', `must be at most ${ordersMax}`);
      const created = await Promise.allSettled(orders.map(async (order) => await createOne(order, call)));
      return { results: created.map(toResult) };
    },

    async getOrder(request: GetOrderRequest, { deadlineMs }: Call): Promise<GetOrderResponse> {
      const orderId = parseOrderId(request.orderId);
      const order = await retryTransient(deadlineMs, async () => await getOrder(database, orderId));
      return { order: presentOrder(order) };
    },

    async listOrders(request: ListOrdersRequest, { deadlineMs }: Call): Promise<ListOrdersResponse> {
      const page = {
        userId: parseUserId(request.userId),
        status: parseStatus(request.status),
        pageSize: parsePageSize(request.pageSize),
        cursor: request.pageToken === '' ? undefined : request.pageToken,
      };
      const { orders, nextCursor } = await retryTransient(deadlineMs, async () => await listOrders(database, page));
      return { orders: orders.map(presentOrder), nextPageToken: nextCursor ?? '' };
    },
  };
  return { definition: OrdersServiceService, handlers };
}

/** What is refused is its caller's alone; a bug is the whole call's, as it is logged there. */
function toResult(created: PromiseSettledResult<OrderMessage>): CreateOrderResult {
  if (created.status === 'fulfilled') return { order: created.value, refusal: undefined };
  if (created.reason instanceof AppError) return { order: undefined, refusal: toRefusal(created.reason) };
  throw created.reason;
}

/** Proto's 0 is "not set". An open enum may carry any number. */
function parseStatus(status: OrderStatusMessage): OrderStatus | undefined {
  switch (status) {
    case OrderStatusMessage.ORDER_STATUS_UNSPECIFIED:
      return undefined;
    case OrderStatusMessage.ORDER_STATUS_NEW:
      return 'NEW';
    case OrderStatusMessage.ORDER_STATUS_FINISHED:
      return 'FINISHED';
    case OrderStatusMessage.ORDER_STATUS_CANCELED:
      return 'CANCELED';
    default:
      throw invalidField('status', 'must be a known status');
  }
}

function parsePageSize(pageSize: number): number {
  if (pageSize < 0 || pageSize > pageSizeMax) throw invalidField('page_size', `must be 1 to ${pageSizeMax}`);
  return pageSize === 0 ? pageSizeDefault : pageSize;
}
