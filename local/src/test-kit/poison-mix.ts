import { randomUUID } from 'node:crypto';
import { allSchemas } from '@order-payments/contracts/schemas.ts';
import { eventIdOf, newOrderId } from '@order-payments/kernel/ids.ts';
import { eventBytes } from './event-bytes.ts';
import type { RawEvent } from './event-bytes.ts';
import { poisonOf } from './poison.ts';
import type { Poison } from './poison.ts';

export interface SchemaIds {
  readonly orderCreated: number;
  readonly paymentSucceeded: number;
  readonly paymentFailed: number;
  /** A schema that is in the registry and is none of ours. */
  readonly foreign: number;
}

export async function findSchemaIds(schemaRegistryUrl: string): Promise<SchemaIds> {
  const schema = {
    type: 'record',
    name: 'OrderShipped',
    namespace: 'shipping.v1',
    fields: [{ name: 'event_id', type: 'string' }],
  };
  const response = await fetch(`${schemaRegistryUrl}/subjects/shipping.v1.OrderShipped/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(schema) }),
  });
  const { id: foreign } = (await response.json()) as { id: number };
  const idOf = async (name: string): Promise<number> => {
    const subject = allSchemas.find((known) => known.subject.endsWith(`.${name}`))?.subject;
    const latest = await fetch(`${schemaRegistryUrl}/subjects/${subject}/versions/latest`);
    return ((await latest.json()) as { id: number }).id;
  };
  return {
    orderCreated: await idOf('OrderCreated'),
    paymentSucceeded: await idOf('PaymentSucceeded'),
    paymentFailed: await idOf('PaymentFailed'),
    foreign,
  };
}

export function createdEvent(orderId = newOrderId(), userId: string = randomUUID()): RawEvent {
  const event_id = eventIdOf(orderId, 'OrderCreated');
  return { event_id, event_type: 'OrderCreated', occurred_at: Date.now(), data: [orderId, userId, 5n, 'raw'] };
}

function succeededEvent(orderId: string, userId: string): RawEvent {
  const event_id = eventIdOf(orderId as ReturnType<typeof newOrderId>, 'PaymentSucceeded');
  return { event_id, event_type: 'PaymentSucceeded', occurred_at: Date.now(), data: [orderId, userId] };
}

/** So many on each topic: all kinds, among them what contradicts these settled orders, and a few whose schema nobody knows. */
export function poisonMix(
  { orderCreated, paymentSucceeded, paymentFailed, foreign: foreignSchemaId }: SchemaIds,
  settled: ReadonlyArray<{ readonly id: string; readonly userId: string }>,
  count: number,
): Record<'orders' | 'payments', Poison[]> {
  const dead = (kind: string, value: Buffer): Poison => ({ kind, fate: 'dead letter', value });
  const unknownSchema = (): Poison => dead('unknown schema', eventBytes(2_000_000_000, createdEvent()));
  const special = { orders: [unknownSchema(), unknownSchema()], payments: [unknownSchema()] };
  for (const { id, userId } of settled) {
    const orderId = id as ReturnType<typeof newOrderId>;
    const kind = 'same event id, other data';
    special.orders.push(dead(kind, eventBytes(orderCreated, createdEvent(orderId, userId))));
    special.payments.push(dead(kind, eventBytes(paymentSucceeded, succeededEvent(id, randomUUID()))));
    const event_id = eventIdOf(orderId, 'PaymentFailed');
    const contradiction = { event_id, event_type: 'PaymentFailed', occurred_at: Date.now() };
    for (const [why, reason] of [
      ['canceled after it was paid', 'INSUFFICIENT_FUNDS'],
      ['a reason nobody knows', 'BAD_MOOD'],
    ] as const)
      special.payments.push(dead(why, eventBytes(paymentFailed, { ...contradiction, data: [id, userId, reason] })));
  }
  const rest = (side: 'orders' | 'payments', schemaId: number, goodEvent: () => RawEvent): Poison[] =>
    poisonOf(side, count - special[side].length, { schemaId, goodEvent, foreignSchemaId });
  return {
    orders: [...special.orders, ...rest('orders', orderCreated, createdEvent)],
    payments: [
      ...special.payments,
      ...rest('payments', paymentSucceeded, () => succeededEvent(newOrderId(), randomUUID())),
    ],
  };
}
