import type { Transaction } from '@order-payments/platform/db/pool.ts';
import { whenCommitted } from '@order-payments/platform/db/when-committed.ts';
import { contradiction, firstOfEachOrder, type Outcome } from '../domain/settle.ts';
import type { OrdersMetrics } from '../metrics.ts';
import { findOrders } from '../store/orders.ts';
import { settleOrders as updateOrders } from '../store/settlement.ts';

/**
 * Finishes and cancels orders as Payments decided, in the caller's transaction. An outcome that an order has already is
 * nothing new; one that contradicts what is stored is returned with the reason, and changes nothing.
 */
export async function settleOrders<O extends Outcome>(
  transaction: Transaction,
  outcomes: readonly O[],
  metrics: OrdersMetrics,
): Promise<ReadonlyArray<{ outcome: O; why: string }>> {
  const { first, later } = firstOfEachOrder(outcomes);
  const settled = await updateOrders(transaction, first);
  whenCommitted(transaction, () => {
    for (const { orderId, status } of first) {
      const order = settled.get(orderId);
      if (order === undefined) continue;
      metrics.settled.inc({ status });
      metrics.settleLatency.observe((Date.now() - order.createdAt.getTime()) / 1000);
    }
  });
  const unsettled = [...first.filter(({ orderId }) => !settled.has(orderId)), ...later];
  if (unsettled.length === 0) return [];
  const stored = await findOrders(transaction, [...new Set(unsettled.map(({ orderId }) => orderId))]);
  const storedById = new Map(stored.map((order) => [order.id, order]));
  return unsettled.flatMap((outcome) => {
    const why = contradiction(storedById.get(outcome.orderId), outcome);
    return why === undefined ? [] : [{ outcome, why }];
  });
}
