import type { OrderId } from '@order-payments/kernel/ids.ts';
import { sql, type Connection } from '@order-payments/platform/db/pool.ts';
import { z } from 'zod';
import type { Outcome } from '../domain/settle.ts';
import { id } from './rows.ts';

const settledRow = z.object({ id: id<OrderId>(), created_at: z.date() });
export type SettledOrder = { readonly id: OrderId; readonly createdAt: Date };

/**
 * Settles those of the orders that are NEW and belong to the outcome's user, and returns them: a terminal state never changes.
 * At most one outcome an order. Sorted by order id, so that two who settle the same orders meet in one order; where the
 * planner hashes (a small table) they may still deadlock, which PostgreSQL ends and the caller tries again: a lock in
 * advance would write every row once more for a conflict that only a rebalance or the sweeper can cause.
 */
export async function settleOrders(
  connection: Connection,
  outcomes: readonly Outcome[],
): Promise<ReadonlyMap<OrderId, SettledOrder>> {
  if (outcomes.length === 0) return new Map();
  const rows = [...outcomes]
    .sort((a, b) => (a.orderId < b.orderId ? -1 : 1))
    .map((outcome) => [
      outcome.orderId,
      outcome.userId,
      outcome.status,
      outcome.status === 'CANCELED' ? outcome.cancelReason : null,
      outcome.decidedAt.toISOString(),
    ]);
  const settled = await connection.any(sql.type(settledRow)`
    update orders
    set status = outcome.status, cancel_reason = outcome.cancel_reason, settled_at = outcome.decided_at, swept_at = null
    from ${sql.unnest(rows, ['uuid', 'uuid', 'text', 'text', 'timestamptz'])}
      as outcome (order_id, user_id, status, cancel_reason, decided_at)
    where orders.id = outcome.order_id and orders.user_id = outcome.user_id and orders.status = 'NEW'
    returning orders.id, orders.created_at`);
  return new Map(settled.map((row) => [row.id, { id: row.id, createdAt: row.created_at }]));
}
