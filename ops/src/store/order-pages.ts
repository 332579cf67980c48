import type { OrderId, UserId } from '@order-payments/kernel/ids.ts';
import { sql, type Connection } from '@order-payments/platform/db/pool.ts';
import { z } from 'zod';
import type { Order } from '../domain/order-facts.ts';
import { id, type Ages } from './rows.ts';

const orderRow = z
  .object({
    id: id<OrderId>(),
    user_id: id<UserId>(),
    amount: z.bigint(),
    status: z.enum(['NEW', 'FINISHED', 'CANCELED']),
    cancel_reason: z.string().nullable(),
    is_overdue: z.boolean(),
    is_swept: z.boolean(),
    is_remembered: z.boolean(),
  })
  .transform((row): Order => ({
    id: row.id,
    userId: row.user_id,
    amount: row.amount,
    status: row.status,
    cancelReason: row.cancel_reason,
    isOverdue: row.is_overdue,
    isSwept: row.is_swept,
    isRemembered: row.is_remembered,
  }));

/** `ages.rememberedSince` is of Payments' inbox, which keeps the orders' events. Ages are by the database's own clock. */
function orderColumns(ages: Ages) {
  return sql.fragment`
    id, user_id, amount, status, cancel_reason,
    created_at < now() - make_interval(secs => ${ages.settleWithinSeconds}) as is_overdue,
    sweep_count > 0 as is_swept,
    coalesce(created_at >= ${ages.rememberedSince}::timestamptz, true) as is_remembered`;
}

export async function selectOrderPage(
  connection: Connection,
  page: { afterId: string; limit: number },
  ages: Ages,
): Promise<readonly Order[]> {
  return await connection.any(sql.type(orderRow)`
    select ${orderColumns(ages)} from orders where id > ${page.afterId} order by id limit ${page.limit}`);
}

export async function selectOrders(
  connection: Connection,
  ids: readonly string[],
  ages: Ages,
): Promise<readonly Order[]> {
  return await connection.any(sql.type(orderRow)`
    select ${orderColumns(ages)} from orders where id = any(${sql.array(ids, 'uuid')}) order by id`);
}
