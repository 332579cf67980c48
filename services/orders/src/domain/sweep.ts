import type { OrderId } from '@order-payments/kernel/ids.ts';
import type { Order } from './order.ts';
import type { Outcome } from './settle.ts';

/** An outcome as Payments answered it, with the amount that it decided on. */
export type RecordedOutcome = Outcome & { readonly amount: bigint };

/** Payments decided, and this version does not understand what. */
export const UNKNOWN_OUTCOME = 'unknown outcome';
export type AnsweredOutcome = RecordedOutcome | typeof UNKNOWN_OUTCOME;

export interface SweepPlan {
  /** Payments decided, and its event is late or lost. */
  readonly settle: readonly RecordedOutcome[];
  /** Payments does not know the order, and its event is nowhere on its way: it is told again. */
  readonly tellAgain: readonly Order[];
  /** To be looked at again later: the event still waits in the outbox, or the outcome is not understood here. */
  readonly wait: readonly Order[];
  /** Payments decided on something else. The sweeper never decides alone, so an operator has to. */
  readonly contradicting: ReadonlyArray<{ readonly order: Order; readonly why: string }>;
}

/**
 * What to do with orders that stayed NEW for too long, from what Payments and the outbox know of them.
 * Those that would be told again beyond the limit are in no part of the plan: they stay due.
 */
export function planSweep(facts: {
  due: readonly Order[];
  outcomes: ReadonlyMap<OrderId, AnsweredOutcome>;
  inOutbox: ReadonlySet<OrderId>;
  tellAgainMax: number;
}): SweepPlan {
  const settle: RecordedOutcome[] = [];
  const tellAgain: Order[] = [];
  const wait: Order[] = [];
  const contradicting: Array<{ order: Order; why: string }> = [];
  for (const order of facts.due) {
    const outcome = facts.outcomes.get(order.id);
    if (outcome === UNKNOWN_OUTCOME) wait.push(order);
    else if (outcome !== undefined) {
      const why = disagreement(order, outcome);
      if (why === undefined) settle.push(outcome);
      else contradicting.push({ order, why });
    } else if (facts.inOutbox.has(order.id)) wait.push(order);
    else if (tellAgain.length < facts.tellAgainMax) tellAgain.push(order);
  }
  return { settle, tellAgain, wait, contradicting };
}

function disagreement(order: Order, outcome: RecordedOutcome): string | undefined {
  if (order.userId !== outcome.userId) return 'the payment is of another user';
  if (order.amount !== outcome.amount) return 'the payment is of another amount';
  return undefined;
}
