import { orderCreated, toEnvelope } from '@order-payments/contracts/events.ts';
import type { EventCodec } from '@order-payments/platform/kafka/event-codec.ts';
import type { Order, NewOrder } from '../domain/order.ts';

/** The order's OrderCreated event, encoded. Telling it again tells the same: its id and its time are the order's. */
export function encodeOrderCreated(
  codec: Pick<EventCodec, 'encode'>,
  { id, userId, amount, description, createdAt }: NewOrder | Order,
): { eventId: string; payload: Buffer } {
  const event = orderCreated({ orderId: id, userId, amount, description, createdAt });
  return { eventId: event.event_id, payload: codec.encode(toEnvelope(event)) };
}
