import { describe, expect, test } from '@jest/globals';
import { eventIdOf, parseOrderId, parseUserId } from '@order-payments/kernel/ids.ts';
import { moneyMax } from '@order-payments/kernel/money.ts';
import fc from 'fast-check';
import {
  cancelReasons,
  orderCreated,
  parseOrderCreated,
  parsePaymentOutcome,
  paymentFailed,
  paymentSucceeded,
  toEnvelope,
  type EventEnvelope,
} from './events.ts';

const orderId = parseOrderId('0197a4c0-5a10-7c3e-8b1d-2f6e9a0c4d51');
const userId = parseUserId('3f0e6a52-9c1b-4d7e-a8f4-6b2d5c9e1a70');
const decidedAt = new Date('2025-12-22T00:00:00.123Z');
const created = toEnvelope(orderCreated({ orderId, userId, amount: 600n, description: 'Books', createdAt: decidedAt }));
const succeeded = toEnvelope(paymentSucceeded({ orderId, userId, decidedAt }));
const failed = toEnvelope(paymentFailed({ orderId, userId, reason: 'INSUFFICIENT_FUNDS', decidedAt }));

const withData = (envelope: EventEnvelope, change: Record<string, unknown>): EventEnvelope => ({
  ...envelope,
  data: { ...envelope.data, ...change },
});
const refusalOf = (field: string): unknown => expect.objectContaining({ code: 'INVALID_FIELD', details: { field } });

describe('an event', () => {
  test('travels as plain values', () => {
    expect(created).toEqual({
      event_id: '3eaaf832-9781-5746-a423-69a3a0dcae8b',
      event_type: 'OrderCreated',
      occurred_at: 1_766_361_600_123,
      data: { order_id: orderId, user_id: userId, amount: 600, description: 'Books' },
    });
  });

  test('arrives as it was sent', () => {
    const order = fc.record({
      orderId: fc.uuid().map((id) => parseOrderId(id)),
      userId: fc.uuid().map((id) => parseUserId(id)),
      amount: fc.bigInt({ min: 1n, max: moneyMax }),
      description: fc.string({ unit: 'binary', maxLength: 500 }).filter((text) => !text.includes('\0')),
      createdAt: fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
    });
    fc.assert(
      fc.property(order, fc.constantFrom(...cancelReasons), (sent, reason) => {
        const payment = { ...sent, decidedAt: sent.createdAt };
        expect(parseOrderCreated(toEnvelope(orderCreated(sent)))).toEqual(orderCreated(sent));
        expect(parsePaymentOutcome(toEnvelope(paymentSucceeded(payment)))).toEqual(paymentSucceeded(payment));
        const refusal = { orderId: sent.orderId, userId: sent.userId, decidedAt: sent.createdAt, reason };
        expect(parsePaymentOutcome(toEnvelope(paymentFailed(refusal)))).toEqual(paymentFailed(refusal));
      }),
    );
  });

  test('told again is the same event', () => {
    const again = orderCreated({ orderId, userId, amount: 600n, description: 'Books', createdAt: new Date(decidedAt) });
    expect(toEnvelope(again)).toEqual(created);
  });
});

describe('an event that breaks a domain rule is refused, with the field named', () => {
  test.each<[string, EventEnvelope]>([
    ['event_id', { ...created, event_id: eventIdOf(orderId, 'PaymentFailed') }],
    ['event_id', { ...created, event_id: '' }],
    ['event_id', { ...created, event_id: created.event_id.toUpperCase() }],
    ['event_id', withData(created, { order_id: '0197a4c0-5a10-7c3e-8b1d-2f6e9a0c4d52' })],
    ['event_type', succeeded],
    ['event_type', { ...created, event_type: 'orderCreated' }],
    ['occurred_at', { ...created, occurred_at: -1 }],
    ['occurred_at', { ...created, occurred_at: 253_402_300_800_000 }],
    ['occurred_at', { ...created, occurred_at: Number.NaN }],
    ['data.order_id', withData(created, { order_id: `{${orderId}}` })],
    ['data.order_id', withData(created, { order_id: undefined })],
    ['data.user_id', withData(created, { user_id: '' })],
    ['data.user_id', withData(created, { user_id: 7 })],
    ['data.amount', withData(created, { amount: 0 })],
    ['data.amount', withData(created, { amount: -600 })],
    ['data.amount', withData(created, { amount: 1.5 })],
    ['data.amount', withData(created, { amount: 2 ** 53 })],
    ['data.amount', withData(created, { amount: moneyMax + 1n })],
    ['data.amount', withData(created, { amount: '600' })],
    ['data.amount', withData(created, { amount: undefined })],
    ['data.description', withData(created, { description: 'a\0b' })],
    ['data.description', withData(created, { description: '\ud83d' })],
    ['data.description', withData(created, { description: 'x'.repeat(501) })],
    ['data.description', withData(created, { description: null })],
  ])('OrderCreated: %s %#', (field, envelope) => {
    expect(() => parseOrderCreated(envelope)).toThrow(refusalOf(field));
  });

  test.each<[string, EventEnvelope]>([
    ['event_id', { ...succeeded, event_id: failed.event_id }],
    ['event_id', { ...failed, event_id: succeeded.event_id }],
    ['event_type', created],
    ['occurred_at', { ...failed, occurred_at: 0.5 }],
    ['data.order_id', withData(succeeded, { order_id: 'x' })],
    ['data.user_id', withData(failed, { user_id: undefined })],
    ['data.reason', withData(failed, { reason: 'NO_MOOD' })],
    ['data.reason', withData(failed, { reason: 'insufficient_funds' })],
    ['data.reason', withData(failed, { reason: undefined })],
  ])('payment outcome: %s %#', (field, envelope) => {
    expect(() => parsePaymentOutcome(envelope)).toThrow(refusalOf(field));
  });
});
