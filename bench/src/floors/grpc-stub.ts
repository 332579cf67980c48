// G, the service's side: a gRPC server that answers every order at once, and writes nothing.
import { Server, ServerCredentials } from '@grpc/grpc-js';
import {
  OrdersServiceService,
  OrderStatus,
  type CreateOrderRequest,
  type CreateOrderResponse,
} from '@order-payments/contracts/generated/orders/v1/orders.ts';
import type { handleUnaryCall } from '@grpc/grpc-js';
import { newOrderId } from '@order-payments/kernel/ids.ts';

const createOrder: handleUnaryCall<CreateOrderRequest, CreateOrderResponse> = ({ request }, callback) => {
  const { userId, amount, description } = request;
  const order = { id: newOrderId(), userId, amount, description, status: OrderStatus.ORDER_STATUS_NEW };
  callback(null, { order: { ...order, createdAt: new Date(), settledAt: undefined } });
};

const server = new Server();
server.addService(OrdersServiceService, { createOrder });
server.bindAsync(`127.0.0.1:${process.argv[2] ?? ''}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
