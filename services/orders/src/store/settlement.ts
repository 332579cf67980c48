import type { OrderId } from '@order-payments/kernel/ids.ts';
import { sql, type Connection } from '@order-payments/platform/db/pool.ts';
import { rowsAs } from '@order-payments/platform/db/rows.ts';
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
  const sorted = [...outcomes].sort((a, b) => (a.orderId < b.orderId ? -1 : 1));
  const rows = rowsAs('outcome', sorted, {
    order_id: ['uuid', (outcome) => outcome.orderId],
    user_id: ['uuid', (outcome) => outcome.userId],
    status: ['text', (outcome) => outcome.status],
    cancel_reason: ['text', (outcome) => (outcome.status === 'CANCELED' ? outcome.cancelReason : null)],
    decided_at: ['timestamptz', (outcome) => outcome.decidedAt],
  });
  const settled = await connection.any(sql.prepared('settle-orders', settledRow)`
    update orders
    set status = outcome.status, cancel_reason = outcome.cancel_reason, settled_at = outcome.decided_at, swept_at = null
    from ${rows}
    -- any() says what the join says, so that not the whole table is read.
    where orders.id = any(${sql.array(
      sorted.map(({ orderId }) => orderId),
      'uuid',
    )})
      and orders.id = outcome.order_id and orders.user_id = outcome.user_id
      -- A case, of which the planner expects nothing. It knows that few orders are NEW, or knows nothing of a young table,
      -- expects one row of a batch and compares each with each: batches ran into their time-out until the next analyze.
      and case orders.status when 'NEW' then true else false end
    returning orders.id, orders.created_at`);
  return new Map(settled.map((row) => [row.id, { id: row.id, createdAt: row.created_at }]));
}
