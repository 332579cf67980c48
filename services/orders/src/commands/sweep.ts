import { eventIdOf, type OrderId } from '@order-payments/kernel/ids.ts';
import type { Database } from '@order-payments/platform/db/pool.ts';
import type { EventCodec } from '@order-payments/platform/kafka/event-codec.ts';
import type { Logger } from '@order-payments/platform/logger.ts';
import { appendToOutbox } from '@order-payments/platform/outbox/outbox.ts';
import { seam } from '@order-payments/platform/seam.ts';
import type { PaymentsClient } from '../clients/payments.ts';
import { lowestOrderIdAt } from '../domain/order.ts';
import { planSweep, UNKNOWN_OUTCOME, type SweepPlan } from '../domain/sweep.ts';
import type { OrdersMetrics } from '../metrics.ts';
import { findDue, findInOutbox, markSwept, watchOverdue } from '../store/sweep.ts';
import { encodeOrderCreated } from './order-event.ts';
import { settleOrders } from './settle-orders.ts';

export interface SweepSettings {
  /** How long an order may be NEW before it is looked after. */
  readonly overdueMs: number;
  /** Until an order is looked at again, and what the doubling of that ends at. */
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
  /** Orders that are looked at in one sweep. */
  readonly dueMax: number;
  /** Events that are told again in one sweep. */
  readonly tellAgainMax: number;
}

export interface SweepDependencies {
  readonly database: Database;
  readonly payments: Pick<PaymentsClient, 'findOutcomes'>;
  readonly codec: Pick<EventCodec, 'encode'>;
  readonly ordersTopic: string;
  readonly afterCommit: () => void;
  readonly metrics: OrdersMetrics;
  readonly logger: Logger;
}

// One statement searches 50,000 rows in 20 to 40 ms.
const scanMax = 50_000;
const hourMs = 3_600_000;
// A call is answered within 30 s of its order's id and a statement ends after 10 s, so an order may appear 10 s behind
// where was searched already; 5 s are for clocks that differ.
const lateCommitMs = 15_000;

/**
 * One sweeper's work, to be called again and again: begins to watch the orders that stayed NEW for too long, asks Payments
 * about those whose turn has come, and settles them or tells their event again. It never decides alone.
 */
export function createSweep(dependencies: SweepDependencies, settings: SweepSettings): (now: Date) => Promise<void> {
  const search = createSearch(dependencies, settings);
  return async (now) => {
    await search(now);
    await sweepDue(dependencies, settings, now);
  };
}

/**
 * Searches for overdue orders in two walks along the ids. The near one begins an hour ago and follows the clock; the far one
 * goes through all orders, a little in every sweep and once an hour, for what the near one cannot see: orders from
 * before an outage or a restore, and orders that a frozen process committed long after it gave them their ids.
 */
function createSearch({ database, metrics }: SweepDependencies, settings: SweepSettings): (now: Date) => Promise<void> {
  const start = lowestOrderIdAt(new Date(0));
  let near: OrderId | undefined;
  let far = start;
  let farBeganMs = 0;
  const walk = async (from: OrderId, belowId: OrderId, statementsMax: number): Promise<OrderId> => {
    let position = from;
    for (let statement = 0; statement < statementsMax && position < belowId; statement++) {
      const watchMax = settings.dueMax;
      const { found, searchedTo } = await watchOverdue(database, { aboveId: position, belowId, scanMax, watchMax });
      metrics.sweepFound.inc(found);
      position = searchedTo;
      // There is enough to do; the rest is found when this is done.
      if (found === watchMax) break;
    }
    return position;
  };
  return async (now) => {
    const overdueMs = now.getTime() - settings.overdueMs;
    const belowId = lowestOrderIdAt(new Date(overdueMs));
    const behindId = lowestOrderIdAt(new Date(overdueMs - lateCommitMs));
    near = await walk(near ?? lowestOrderIdAt(new Date(overdueMs - hourMs)), belowId, 20);
    if (near > behindId) near = behindId;
    if (farBeganMs === 0) farBeganMs = now.getTime();
    far = await walk(far, belowId, 4);
    if (far >= belowId && now.getTime() - farBeganMs >= hourMs) [far, farBeganMs] = [start, now.getTime()];
  };
}

async function sweepDue(dependencies: SweepDependencies, settings: SweepSettings, now: Date): Promise<void> {
  const { database, payments, metrics, logger } = dependencies;
  const due = await findDue(database, now, settings.backoff, settings.dueMax);
  if (due.length === 0) return;
  // Outside a transaction, because it is a call. What is settled meanwhile is no longer NEW, which every update asks for.
  const outcomes = await payments.findOutcomes(due.map(({ id }) => id));
  for (const [orderId, outcome] of outcomes)
    if (outcome === UNKNOWN_OUTCOME)
      logger.warn(
        { order_id: orderId },
        'Payments decided on it what is not known here; is Payments newer than Orders?',
      );
  const undecided = due.filter(({ id }) => !outcomes.has(id));
  const eventIds = new Map(undecided.map(({ id }) => [id, eventIdOf(id, 'OrderCreated')]));
  const waiting = await findInOutbox(database, [...eventIds.values()]);
  const inOutbox = new Set(undecided.map(({ id }) => id).filter((id) => waiting.has(eventIds.get(id) ?? '')));
  const plan = planSweep({ due, outcomes, inOutbox, tellAgainMax: settings.tellAgainMax });
  seam('sweeper.planned');
  const toldAgain = await carryOut(dependencies, plan, now);
  seam('sweeper.committed');
  if (toldAgain > 0) dependencies.afterCommit();
  metrics.swept.inc({ result: 'settled' }, plan.settle.length);
  metrics.swept.inc({ result: 'told again' }, toldAgain);
  metrics.swept.inc({ result: 'waiting' }, plan.wait.length);
  metrics.swept.inc({ result: 'contradicting' }, plan.contradicting.length);
  for (const { order, why } of plan.contradicting)
    logger.error({ order_id: order.id, why }, 'Payments decided on another order under this id');
}

/** How many events were told again. */
async function carryOut(dependencies: SweepDependencies, plan: SweepPlan, now: Date): Promise<number> {
  const { database, codec, ordersTopic, metrics } = dependencies;
  return await database.transaction(async (transaction) => {
    // Before they are settled: ops reconcile asks for no event that the sweeper did without.
    const settledIds = plan.settle.map(({ orderId }) => orderId);
    await markSwept(transaction, settledIds, { now, acted: true });
    await settleOrders(transaction, plan.settle, metrics);
    const waiting = [...plan.wait, ...plan.contradicting.map(({ order }) => order)].map(({ id }) => id);
    await markSwept(transaction, waiting, { now, acted: false });
    const toldIds = plan.tellAgain.map(({ id }) => id);
    const stillNew = await markSwept(transaction, toldIds, { now, acted: true });
    const rows = plan.tellAgain
      .filter(({ id }) => stillNew.has(id))
      .map((order) => ({ ...encodeOrderCreated(codec, order), topic: ordersTopic, key: order.userId }));
    await appendToOutbox(transaction, rows);
    seam('sweeper.told-again');
    seam('sweeper.commit-sent');
    return rows.length;
  });
}
