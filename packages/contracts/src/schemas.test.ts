import { describe, expect, test } from '@jest/globals';
import { parseOrderId, parseUserId } from '@order-payments/kernel/ids.ts';
import avro, { type Schema, type Type } from 'avsc';
import { orderCreated, paymentFailed, paymentSucceeded, toEnvelope, type EventEnvelope } from './events.ts';
import {
  allSchemas,
  orderCreatedSchema,
  paymentFailedSchema,
  paymentSucceededSchema,
  type AvroSchema,
} from './schemas.ts';

const orderId = parseOrderId('0197a4c0-5a10-7c3e-8b1d-2f6e9a0c4d51');
const userId = parseUserId('3f0e6a52-9c1b-4d7e-a8f4-6b2d5c9e1a70');
const decidedAt = new Date('2025-12-22T00:00:00.123Z');
const description = 'Zwei Bücher 📚';
const created = orderCreated({ orderId, userId, amount: 600n, description, createdAt: decidedAt });

const typeOf = (schema: AvroSchema): Type => avro.Type.forSchema(JSON.parse(schema.text) as Schema);

// Bodies that another implementation (Python's fastavro) wrote with the first version of each schema.
const goldens: [AvroSchema, EventEnvelope, string][] = [
  [
    orderCreatedSchema,
    toEnvelope(created),
    '4833656161663833322d393738312d353734362d613432332d363961336130646361653862184f7264657243726561746564f6c1d8b5e866' +
      '4830313937613463302d356131302d376333652d386231642d326636653961306334643531' +
      '4833663065366135322d396331622d346437652d613866342d366232643563396531613730' +
      'b009225a7765692042c3bc6368657220f09f939a',
  ],
  [
    paymentSucceededSchema,
    toEnvelope(paymentSucceeded({ orderId, userId, decidedAt })),
    '4839363034363435322d356364362d353931372d623133642d366562613731363766636361' +
      '205061796d656e74537563636565646564f6c1d8b5e866' +
      '4830313937613463302d356131302d376333652d386231642d326636653961306334643531' +
      '4833663065366135322d396331622d346437652d613866342d366232643563396531613730',
  ],
  [
    paymentFailedSchema,
    toEnvelope(paymentFailed({ orderId, userId, reason: 'INSUFFICIENT_FUNDS', decidedAt })),
    '4839323030323839382d623939302d353061382d626435342d373339346464303336346436' +
      '1a5061796d656e744661696c6564f6c1d8b5e866' +
      '4830313937613463302d356131302d376333652d386231642d326636653961306334643531' +
      '4833663065366135322d396331622d346437652d613866342d366232643563396531613730' +
      '24494e53554646494349454e545f46554e4453',
  ],
];

test('the subjects never change: registries hold the versions under them', () => {
  expect(allSchemas.map(({ subject }) => subject)).toEqual([
    'orders.v1.OrderCreated',
    'payments.v1.PaymentSucceeded',
    'payments.v1.PaymentFailed',
  ]);
});

test.each(goldens)('$subject is encoded as another ecosystem encodes it, and read back', (schema, envelope, hex) => {
  const type = typeOf(schema);
  expect(type.toBuffer(envelope).toString('hex')).toBe(hex);
  // Through JSON, because avsc makes records of classes of its own.
  expect(JSON.parse(JSON.stringify(type.fromBuffer(Buffer.from(hex, 'hex'))))).toEqual(envelope);
});

describe('what breaks its schema is never encoded:', () => {
  const type = typeOf(orderCreatedSchema);
  const valid = toEnvelope(created);
  test.each<[string, unknown]>([
    ['no event id', { ...valid, event_id: undefined }],
    ['a Date', { ...valid, occurred_at: decidedAt }],
    ['a bigint', { ...valid, data: created.data }],
    ['a fraction', { ...valid, data: { ...valid.data, amount: 1.5 } }],
    ['2^53', { ...valid, data: { ...valid.data, amount: 2 ** 53 } }],
    ['no data', { ...valid, data: undefined }],
    ['data of another event', { ...valid, data: { order_id: orderId, user_id: userId } }],
  ])('%s', (_what, envelope) => {
    expect(() => type.toBuffer(envelope)).toThrow();
  });
});
