import type { OrderId, UserId } from '@order-payments/kernel/ids.ts';
import { sql, type Connection } from '@order-payments/platform/db/pool.ts';
import { z } from 'zod';
import type { Order, OrderStatus } from '../domain/order.ts';
import { orderColumns, orderFieldsByStatus, toOrder } from './rows.ts';

const positionedRow = orderFieldsByStatus
  .and(z.object({ position: z.bigint() }))
  .transform((row) => ({ position: row.position, order: toOrder(row) }));

export interface OrderPage {
  readonly orders: readonly Order[];
  /** Where the next page begins; undefined when this one is the last. */
  readonly belowId: OrderId | undefined;
}

/**
 * A page of the user's orders, newest first, in the order of the index (user_id, id desc). No index holds the status (it
 * would make settling three times as slow), so a page of one status ends after scanMax orders even when it is not
 * full, or empty, and the next one goes on from there: a user's rare status costs many short pages and no long query.
 */
export async function findOrderPage(
  connection: Connection,
  page: {
    userId: UserId;
    status: OrderStatus | undefined;
    belowId: OrderId | undefined;
    size: number;
    scanMax: number;
  },
): Promise<OrderPage> {
  const { userId, status, belowId, size, scanMax } = page;
  const below = belowId === undefined ? sql.fragment`` : sql.fragment`and id < ${belowId}`;
  // The row at which the scan ended comes along, whatever its status, so that one statement tells both.
  const wanted =
    status === undefined ? sql.fragment`` : sql.fragment`where orders.status = ${status} or position = ${scanMax}`;
  // One more than the page holds tells whether there is another page.
  const rows = await connection.any(sql.type(positionedRow)`
    select ${orderColumns}, position
    from (
      select *, row_number() over (order by id desc) as position
      from orders
      where user_id = ${userId} ${below}
      order by id desc
      limit ${status === undefined ? size + 1 : scanMax}
    ) as orders
    ${wanted}
    order by id desc
    limit ${size + 1}`);
  const matching = rows.filter(({ order }) => status === undefined || order.status === status);
  const orders = matching.slice(0, size).map(({ order }) => order);
  const scanEnd = rows.find(({ position }) => position === BigInt(scanMax));
  if (matching.length > size) return { orders, belowId: orders.at(-1)?.id };
  return { orders, belowId: scanEnd?.order.id };
}
