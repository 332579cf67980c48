import { parsePaymentOutcome, type EventEnvelope } from '@order-payments/contracts/events.ts';
import { AppError } from '@order-payments/kernel/errors.ts';
import type { ReceivedEvent } from '@order-payments/platform/kafka/envelope.ts';
import type { ApplyEvents, Rejection } from '@order-payments/platform/kafka/process-records.ts';
import { settleOrders } from '../commands/settle-orders.ts';
import type { Outcome } from '../domain/settle.ts';
import type { OrdersMetrics } from '../metrics.ts';

/** What Orders does with PaymentSucceeded and PaymentFailed: it settles their orders. */
export function applyPaymentOutcomes(metrics: OrdersMetrics): ApplyEvents {
  return async (transaction, events) => {
    const { outcomes, rejected } = parseAll(events);
    const contradicting = await settleOrders(transaction, outcomes, metrics);
    return [...rejected, ...contradicting.map(({ outcome, why }) => ({ event: outcome.event, why }))];
  };
}

type ReceivedOutcome = Outcome & { readonly event: ReceivedEvent };

function parseAll(events: readonly ReceivedEvent[]): { outcomes: ReceivedOutcome[]; rejected: Rejection[] } {
  const outcomes: ReceivedOutcome[] = [];
  const rejected: Rejection[] = [];
  for (const event of events) {
    try {
      outcomes.push({ ...toOutcome(event), event });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      rejected.push({ event, why: error.message });
    }
  }
  return { outcomes, rejected };
}

/** Throws AppError INVALID_FIELD for what breaks a domain rule. */
function toOutcome(envelope: EventEnvelope): Outcome {
  const event = parsePaymentOutcome(envelope);
  const decided = { orderId: event.data.order_id, userId: event.data.user_id, decidedAt: event.occurred_at };
  switch (event.event_type) {
    case 'PaymentSucceeded':
      return { ...decided, status: 'FINISHED' };
    case 'PaymentFailed':
      return { ...decided, status: 'CANCELED', cancelReason: event.data.reason };
  }
}
