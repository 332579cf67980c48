import type { CancelReason } from '@order-payments/contracts/events.ts';
import type { OrderId, UserId } from '@order-payments/kernel/ids.ts';
import type { Order } from './order.ts';

/** What Payments decided on an order, whether its event or its answer says so. */
export type Outcome = {
  readonly orderId: OrderId;
  readonly userId: UserId;
  /** When Payments decided. */
  readonly decidedAt: Date;
} & ({ readonly status: 'FINISHED' } | { readonly status: 'CANCELED'; readonly cancelReason: CancelReason });

/** The first outcome of each order, and those that came after it for the same order. */
export function firstOfEachOrder<O extends Outcome>(outcomes: readonly O[]): { first: O[]; later: O[] } {
  const seen = new Set<OrderId>();
  const first: O[] = [];
  const later: O[] = [];
  for (const outcome of outcomes) {
    (seen.has(outcome.orderId) ? later : first).push(outcome);
    seen.add(outcome.orderId);
  }
  return { first, later };
}

/** Why the outcome can never be applied to what is stored; undefined where the order is as the outcome says. */
export function contradiction(stored: Order | undefined, outcome: Outcome): string | undefined {
  if (stored === undefined) return 'there is no such order';
  if (stored.userId !== outcome.userId) return 'the order belongs to another user';
  if (stored.status !== outcome.status) return `the order is ${stored.status} and cannot become ${outcome.status}`;
  if (stored.status === 'CANCELED' && outcome.status === 'CANCELED' && stored.cancelReason !== outcome.cancelReason)
    return `the order was canceled with ${stored.cancelReason} and not with ${outcome.cancelReason}`;
  return undefined;
}
