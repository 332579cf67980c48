import { describe, expect, test } from '@jest/globals';
import { describeStanding, isKnown, stepsOf, type EventTrace, type TimelineFacts } from './timeline.ts';

const at = (ms: number): Date => new Date(1_800_000_000_000 + ms);
const trace = (eventType: string, found: Partial<EventTrace> = {}): EventTrace => ({
  eventType,
  eventId: `id of ${eventType}`,
  outbox: [],
  inbox: null,
  deadLetters: [],
  ...found,
});
const received = (topic: string, ms: number) => ({ topic, partition: 3, offset: 9n, receivedAt: at(ms) });

const nothing: TimelineFacts = {
  order: null,
  created: trace('OrderCreated'),
  payment: null,
  debits: [],
  outcomes: [trace('PaymentSucceeded'), trace('PaymentFailed')],
};
const fresh: TimelineFacts = {
  ...nothing,
  order: {
    userId: 'user',
    amount: 600n,
    status: 'NEW',
    cancelReason: null,
    createdAt: at(0),
    settledAt: null,
    sweptAt: null,
    sweepCount: 0,
  },
};
const payment = { status: 'SUCCEEDED', reason: null, amount: 600n, userId: 'user', createdAt: at(30) };
const decided: TimelineFacts = {
  ...fresh,
  created: trace('OrderCreated', { inbox: received('orders.events', 20) }),
  payment,
  debits: [{ id: 'tx', amount: 600n, balanceAfter: 400n, createdAt: at(30) }],
};

test('what nobody knows is unknown', () => {
  expect(isKnown(nothing)).toBe(false);
  expect(isKnown(fresh)).toBe(true);
  expect(isKnown({ ...nothing, payment })).toBe(true);
});

test('the steps of a paid order are in the order of cause and effect, also where a clock is behind', () => {
  const facts = {
    ...decided,
    outcomes: [trace('PaymentSucceeded', { inbox: received('payments.events', -5) }), trace('PaymentFailed')],
  };
  expect(stepsOf(facts).map(({ service, what }) => `${service}: ${what.split(' ').slice(0, 2).join(' ')}`)).toEqual([
    'orders: order of',
    'payments: OrderCreated received',
    'payments: payment SUCCEEDED',
    'payments: DEBIT of',
    'orders: PaymentSucceeded received',
  ]);
});

describe('an order that stands still is told where to look:', () => {
  test('its event waits in the outbox', () => {
    const created = trace('OrderCreated', { outbox: [{ id: 1n, createdAt: at(1) }] });
    expect(describeStanding({ ...fresh, created })).toContain('is the relay of orders running?');
  });

  test('its event is published and not received', () => {
    expect(describeStanding(fresh)).toContain('is payments running?');
  });

  test('its outcome waits in the outbox of payments', () => {
    const outcome = trace('PaymentSucceeded', { outbox: [{ id: 1n, createdAt: at(40) }] });
    expect(describeStanding({ ...decided, outcomes: [outcome] })).toContain('is the relay of payments running?');
  });

  test('its event is a dead letter', () => {
    const letter = { id: 12n, state: 'DEAD', why: 'broken', createdAt: at(5) } as EventTrace['deadLetters'][number];
    const created = trace('OrderCreated', { deadLetters: [letter] });
    expect(describeStanding({ ...fresh, created })).toContain('dead-letters show --service payments 12');
  });
});
