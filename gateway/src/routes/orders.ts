import type { Router } from '@koa/router';
import { parseOrderId, parseUserId } from '@order-payments/kernel/ids.ts';
import type { OrdersClient } from '../clients/orders.ts';
import { waitUntilSettled } from '../clients/wait-until-settled.ts';
import { orderPaths } from '../openapi/order-operations.ts';
import type { OrderStatusName } from '../openapi/schemas.ts';
import { orderStatusOf, presentCursor, presentOrder } from '../presenters.ts';
import type { GatewayState } from '../state.ts';
import type { Operate } from './operation.ts';
import { waitOf, whenGone } from './prefer.ts';

type CreateOrderInput = {
  headers: { 'Idempotency-Key'?: string; Prefer?: string };
  body: { user_id: string; amount: number; description: string };
};
type ListOrdersInput = { query: { user_id: string; status?: OrderStatusName; limit: number; cursor?: string } };
type GetOrderInput = { path: { order_id: string } };

export function addOrderRoutes(
  router: Router<GatewayState>,
  { operate, orders }: { operate: Operate; orders: OrdersClient },
): void {
  router.post(
    '/orders',
    operate<CreateOrderInput>(orderPaths['/orders'].post, async (ctx, { headers, body }, place) => {
      const created = await orders.createOrder(
        {
          userId: parseUserId(body.user_id),
          amount: BigInt(body.amount),
          description: body.description,
          idempotencyKey: headers['Idempotency-Key'],
        },
        ctx.state,
      );
      ctx.state.orderId = created.id;
      const waitSeconds = waitOf(headers.Prefer);
      const settled =
        waitSeconds !== undefined &&
        (await place.leaveFor(async () =>
          waitUntilSettled(created, {
            look: async () => orders.getOrder(parseOrderId(created.id), ctx.state),
            timeoutMs: waitSeconds * 1000,
            gone: whenGone(ctx.res),
          }),
        ));
      if (settled) ctx.set('Preference-Applied', `wait=${waitSeconds}`);
      ctx.status = 201;
      ctx.set('Location', `/orders/${created.id}`);
      ctx.body = presentOrder(settled || created);
    }),
  );

  router.get(
    '/orders',
    operate<ListOrdersInput>(orderPaths['/orders'].get, async (ctx, { query }) => {
      const page = await orders.listOrders(
        {
          userId: parseUserId(query.user_id),
          status: orderStatusOf(query.status),
          pageSize: query.limit,
          pageToken: query.cursor ?? '',
        },
        ctx.state,
      );
      ctx.body = { orders: page.orders.map(presentOrder), next_cursor: presentCursor(page.nextPageToken) };
    }),
  );

  router.get(
    '/orders/:order_id',
    operate<GetOrderInput>(orderPaths['/orders/{order_id}'].get, async (ctx, { path }) => {
      ctx.body = presentOrder(await orders.getOrder(parseOrderId(path.order_id), ctx.state));
    }),
  );
}
