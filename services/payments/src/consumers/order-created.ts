import { parseOrderCreated, toEnvelope, type PaymentOutcome } from '@order-payments/contracts/events.ts';
import { AppError } from '@order-payments/kernel/errors.ts';
import { whenCommitted } from '@order-payments/platform/db/when-committed.ts';
import type { ReceivedEvent } from '@order-payments/platform/kafka/envelope.ts';
import type { EventCodec } from '@order-payments/platform/kafka/event-codec.ts';
import type { ApplyEvents, Rejection } from '@order-payments/platform/kafka/process-records.ts';
import type { OutboxRow } from '@order-payments/platform/outbox/outbox.ts';
import { settleOrders } from '../commands/settle-orders.ts';
import type { CreatedOrder, Settlement } from '../domain/settle.ts';
import type { PaymentsMetrics } from '../metrics.ts';

/** What Payments does with OrderCreated events: it settles their orders. */
export function applyOrderCreated(options: {
  codec: Pick<EventCodec, 'encode'>;
  paymentsTopic: string;
  metrics: PaymentsMetrics;
}): ApplyEvents {
  const { codec, paymentsTopic, metrics } = options;
  // Encoded before the insert: an event that breaks its schema never reaches the outbox.
  const toOutboxRow = (event: PaymentOutcome): OutboxRow => ({
    eventId: event.event_id,
    topic: paymentsTopic,
    key: event.data.user_id,
    payload: codec.encode(toEnvelope(event)),
  });
  return async (transaction, events) => {
    const { orders, rejected } = parseAll(events);
    if (orders.length === 0) return rejected;
    const stopTimer = metrics.settleDuration.startTimer();
    const settlement = await settleOrders(transaction, orders, toOutboxRow);
    stopTimer();
    whenCommitted(transaction, () => count(settlement, metrics));
    const eventById = new Map(events.map((event) => [event.event_id, event]));
    for (const { eventId, why } of settlement.rejected) {
      const event = eventById.get(eventId);
      if (event !== undefined) rejected.push({ event, why });
    }
    return rejected;
  };
}

function parseAll(events: readonly ReceivedEvent[]): { orders: CreatedOrder[]; rejected: Rejection[] } {
  const orders: CreatedOrder[] = [];
  const rejected: Rejection[] = [];
  for (const event of events) {
    try {
      const { event_id: eventId, data } = parseOrderCreated(event);
      orders.push({ eventId, orderId: data.order_id, userId: data.user_id, amount: data.amount });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      rejected.push({ event, why: error.message });
    }
  }
  return { orders, rejected };
}

function count({ payments }: Settlement, metrics: PaymentsMetrics): void {
  metrics.settleSize.observe(payments.length);
  for (const [reason, { length }] of Map.groupBy(payments, (payment) =>
    payment.status === 'FAILED' ? payment.reason : '',
  ))
    metrics.settled.inc({ status: reason === '' ? 'SUCCEEDED' : 'FAILED', reason }, length);
}
