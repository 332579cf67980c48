// G, the gateway's side: Koa, a router, the body, one unary call, the answer; no checks, logs, metrics or limits.
import { credentials } from '@grpc/grpc-js';
import { Router } from '@koa/router';
import { OrdersServiceClient, type CreateOrderResponse } from '@order-payments/contracts/generated/orders/v1/orders.ts';
import Koa from 'koa';

const [httpPort, grpcPort] = process.argv.slice(2).map(Number);
const client = new OrdersServiceClient(`127.0.0.1:${grpcPort ?? 0}`, credentials.createInsecure());
const router = new Router();
router.post('/orders', async (ctx) => {
  const text = await new Promise<string>((resolve) => {
    let read = '';
    ctx.req.on('data', (chunk: Buffer) => (read += chunk.toString()));
    ctx.req.once('end', () => resolve(read));
  });
  const body = JSON.parse(text) as { user_id: string; amount: number; description: string };
  const { order } = await new Promise<CreateOrderResponse>((resolve, reject) =>
    client.createOrder(
      { userId: body.user_id, amount: BigInt(body.amount), description: body.description },
      (error, response) => (error ? reject(error) : resolve(response)),
    ),
  );
  ctx.status = 201;
  ctx.body = { ...order, amount: Number(order?.amount ?? 0) };
});
router.get('/ready', (ctx) => {
  ctx.body = 'ready';
});
new Koa().use(router.routes()).listen(httpPort, '127.0.0.1');
