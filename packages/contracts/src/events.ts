import { invalidField } from '@order-payments/kernel/errors.ts';
import {
  eventIdOf,
  parseOrderId,
  parseUserId,
  type EventId,
  type OrderId,
  type UserId,
} from '@order-payments/kernel/ids.ts';
import { parseAmount, toSafeNumber } from '@order-payments/kernel/money.ts';
import { parseDescription } from '@order-payments/kernel/text.ts';

export const cancelReasons = ['INSUFFICIENT_FUNDS', 'ACCOUNT_NOT_FOUND'] as const;
export type CancelReason = (typeof cancelReasons)[number];

/** What travels: Avro knows neither Date nor bigint, so time is milliseconds and money a number of at most 2^53 - 1. */
export type EventEnvelope = {
  readonly event_id: string;
  readonly event_type: string;
  readonly occurred_at: number;
  readonly data: Readonly<Record<string, unknown>>;
};

type Event<Type extends string, Data> = {
  readonly event_id: EventId;
  readonly event_type: Type;
  readonly occurred_at: Date;
  readonly data: Readonly<Data>;
};
export type OrderCreated = Event<
  'OrderCreated',
  { order_id: OrderId; user_id: UserId; amount: bigint; description: string }
>;
export type PaymentSucceeded = Event<'PaymentSucceeded', { order_id: OrderId; user_id: UserId }>;
export type PaymentFailed = Event<'PaymentFailed', { order_id: OrderId; user_id: UserId; reason: CancelReason }>;
export type PaymentOutcome = PaymentSucceeded | PaymentFailed;

type OrderOfUser = { orderId: OrderId; userId: UserId };

/** `createdAt` is the order's stored time, so that telling the event again tells the same. */
export function orderCreated(
  order: OrderOfUser & { amount: bigint; description: string; createdAt: Date },
): OrderCreated {
  return {
    event_id: eventIdOf(order.orderId, 'OrderCreated'),
    event_type: 'OrderCreated',
    occurred_at: order.createdAt,
    data: { order_id: order.orderId, user_id: order.userId, amount: order.amount, description: order.description },
  };
}

/** `decidedAt` is the payment's stored time. */
export function paymentSucceeded(payment: OrderOfUser & { decidedAt: Date }): PaymentSucceeded {
  return {
    event_id: eventIdOf(payment.orderId, 'PaymentSucceeded'),
    event_type: 'PaymentSucceeded',
    occurred_at: payment.decidedAt,
    data: { order_id: payment.orderId, user_id: payment.userId },
  };
}

/** `decidedAt` is the payment's stored time. */
export function paymentFailed(payment: OrderOfUser & { decidedAt: Date; reason: CancelReason }): PaymentFailed {
  return {
    event_id: eventIdOf(payment.orderId, 'PaymentFailed'),
    event_type: 'PaymentFailed',
    occurred_at: payment.decidedAt,
    data: { order_id: payment.orderId, user_id: payment.userId, reason: payment.reason },
  };
}

/** The form that the codec encodes. */
export function toEnvelope(event: OrderCreated | PaymentOutcome): EventEnvelope {
  const data =
    event.event_type === 'OrderCreated' ? { ...event.data, amount: toSafeNumber(event.data.amount) } : event.data;
  return { ...event, occurred_at: event.occurred_at.getTime(), data };
}

/** Throws AppError INVALID_FIELD when the event breaks a domain rule; its schema was checked when it was decoded. */
export function parseOrderCreated(envelope: EventEnvelope): OrderCreated {
  if (envelope.event_type !== 'OrderCreated') throw invalidField('event_type', 'must be OrderCreated');
  const event = orderCreated({
    ...parseOrderOfUser(envelope.data),
    amount: parseAmount(integerOf(envelope.data, 'amount'), 'data.amount'),
    description: parseDescription(textOf(envelope.data, 'description'), 'data.description'),
    createdAt: parseOccurredAt(envelope.occurred_at),
  });
  return withSameId(event, envelope);
}

/** Throws AppError INVALID_FIELD when the event breaks a domain rule; its schema was checked when it was decoded. */
export function parsePaymentOutcome(envelope: EventEnvelope): PaymentOutcome {
  const order = parseOrderOfUser(envelope.data);
  const decidedAt = parseOccurredAt(envelope.occurred_at);
  switch (envelope.event_type) {
    case 'PaymentSucceeded':
      return withSameId(paymentSucceeded({ ...order, decidedAt }), envelope);
    case 'PaymentFailed':
      return withSameId(paymentFailed({ ...order, decidedAt, reason: parseReason(envelope.data) }), envelope);
    default:
      throw invalidField('event_type', 'must be PaymentSucceeded or PaymentFailed');
  }
}

/** An id that is not the derived one would pass the inbox as another fact, and the order would be told twice. */
function withSameId<E extends { event_id: EventId }>(event: E, envelope: EventEnvelope): E {
  if (event.event_id !== envelope.event_id)
    throw invalidField('event_id', 'must be derived from the order and the type');
  return event;
}

function parseOrderOfUser(data: EventEnvelope['data']): OrderOfUser {
  return {
    orderId: parseOrderId(textOf(data, 'order_id'), 'data.order_id'),
    userId: parseUserId(textOf(data, 'user_id'), 'data.user_id'),
  };
}

function parseReason(data: EventEnvelope['data']): CancelReason {
  const reason = cancelReasons.find((known) => known === data.reason);
  if (reason === undefined) throw invalidField('data.reason', `must be one of ${cancelReasons.join(', ')}`);
  return reason;
}

// 9999-12-31: later years have another text form, and no fact has happened there.
const occurredAtMaxMs = 253_402_300_799_999;

function parseOccurredAt(milliseconds: number): Date {
  if (!Number.isInteger(milliseconds) || milliseconds < 0 || milliseconds > occurredAtMaxMs)
    throw invalidField('occurred_at', 'must be a time from 1970 to 9999');
  return new Date(milliseconds);
}

function textOf(data: EventEnvelope['data'], field: string): string {
  const value = data[field];
  if (typeof value !== 'string') throw invalidField(`data.${field}`, 'must be a string');
  return value;
}

function integerOf(data: EventEnvelope['data'], field: string): bigint {
  const value = data[field];
  if (typeof value === 'bigint') return value;
  if (!Number.isSafeInteger(value)) throw invalidField(`data.${field}`, 'must be an integer');
  return BigInt(value as number);
}
