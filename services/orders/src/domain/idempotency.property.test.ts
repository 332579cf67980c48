import { eventIdOf, newOrderId, parseOrderId, parseUserId } from '@order-payments/kernel/ids.ts';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { asOrder, isSameRequest, type Order, type OrderRequest, type OrderState } from './order.ts';
import { contradiction, firstOfEachOrder, type Outcome } from './settle.ts';
import { planSweep } from './sweep.ts';

// Few of each, so that requests meet in some fields and differ in others.
const userId = fc.constantFrom(...['1', '2'].map((n) => parseUserId(`4f9d1d3e-7f3b-4a51-9a57-3c1f0d6f2b1${n}`)));
const orderId = fc.constantFrom(...['1', '2', '3'].map((n) => parseOrderId(`019b7ca9-8f2e-7000-8000-00000000000${n}`)));
const amount = fc.constantFrom(1n, 2n, 2n ** 53n - 1n);
const description = fc.constantFrom('', 'books', 'Books', 'books ');
const key = fc.constantFrom(undefined, 'once', 'twice');
const time = fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true });
const cancelReason = fc.constantFrom('INSUFFICIENT_FUNDS' as const, 'ACCOUNT_NOT_FOUND' as const);

const request: fc.Arbitrary<OrderRequest> = fc.record({ userId, amount, description, idempotencyKey: key });
const state: fc.Arbitrary<OrderState> = fc.oneof(
  fc.constant({ status: 'NEW' as const }),
  fc.record({ status: fc.constant('FINISHED' as const), settledAt: time }),
  fc.record({ status: fc.constant('CANCELED' as const), settledAt: time, cancelReason }),
);
const order: fc.Arbitrary<Order> = fc
  .tuple(request, orderId, time, state)
  .map(([asked, id, createdAt, settled]) => ({ ...asOrder({ ...asked, id, createdAt }), ...settled }));
const outcome: fc.Arbitrary<Outcome> = fc
  .tuple(fc.record({ orderId, userId, decidedAt: time }), fc.option(cancelReason))
  .map(([decided, reason]) =>
    reason === null ? { ...decided, status: 'FINISHED' } : { ...decided, status: 'CANCELED', cancelReason: reason },
  );

const bodyOf = ({ userId: user, amount: wanted, description: what }: OrderRequest | Order): string =>
  `${user} ${wanted} ${what}`;

describe('idempotency of orders', () => {
  test('a key stands for one body: a stored order answers exactly the requests of its own body', () => {
    fc.assert(
      fc.property(order, request, (stored, asked) => {
        expect(isSameRequest(stored, asked)).toBe(bodyOf(stored) === bodyOf(asked));
      }),
      { numRuns: 10_000 },
    );
  });

  test('one fact is one event: equal ids for the same order and type, and for no others', () => {
    const types = ['OrderCreated', 'PaymentSucceeded', 'PaymentFailed'];
    const ids = Array.from({ length: 5_000 }, newOrderId);
    const events = ids.flatMap((id) => types.map((type) => eventIdOf(id, type)));
    expect(new Set(events).size).toBe(events.length);
    expect(ids.flatMap((id) => types.map((type) => eventIdOf(id, type)))).toEqual(events);
  });

  test('an outcome that is told again says nothing new, and any other contradicts', () => {
    fc.assert(
      fc.property(order, outcome, (stored, told) => {
        const says = told.status === 'CANCELED' ? told.cancelReason : told.status;
        const is = stored.status === 'CANCELED' ? stored.cancelReason : stored.status;
        expect(contradiction(stored, told) === undefined).toBe(stored.userId === told.userId && says === is);
      }),
      { numRuns: 10_000 },
    );
  });

  test('of many outcomes each order takes the first, and none gets lost', () => {
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 12 }), (outcomes) => {
        const { first, later } = firstOfEachOrder(outcomes);
        expect(new Set(first.map((one) => one.orderId)).size).toBe(first.length);
        for (const one of first) expect(outcomes.find((other) => other.orderId === one.orderId)).toBe(one);
        expect(new Set([...first, ...later])).toEqual(new Set(outcomes));
        expect(first.length + later.length).toBe(outcomes.length);
      }),
      { numRuns: 5_000 },
    );
  });

  test('the sweeper settles only what Payments decided on this very order, and tells again only what nobody knows', () => {
    const due = fc.uniqueArray(order, { selector: ({ id }) => id, maxLength: 3 });
    const decided = fc.array(fc.tuple(outcome, amount), { maxLength: 4 });
    fc.assert(
      fc.property(due, decided, fc.array(orderId), fc.nat(3), (orders, payments, waiting, tellAgainMax) => {
        const outcomes = new Map(payments.map(([one, paid]) => [one.orderId, { ...one, amount: paid }]));
        const inOutbox = new Set(waiting);
        const plan = planSweep({ due: orders, outcomes, inOutbox, tellAgainMax });
        const byId = new Map(orders.map((one) => [one.id, one]));
        for (const one of plan.settle) {
          expect(outcomes.get(one.orderId)).toBe(one);
          expect(byId.get(one.orderId)).toMatchObject({ userId: one.userId, amount: one.amount });
        }
        for (const { id } of plan.tellAgain) expect(outcomes.has(id) || inOutbox.has(id)).toBe(false);
        expect(plan.tellAgain.length).toBeLessThanOrEqual(tellAgainMax);
        const planned = plan.settle.length + plan.tellAgain.length + plan.wait.length + plan.contradicting.length;
        const beyond = orders.filter(({ id }) => !outcomes.has(id) && !inOutbox.has(id)).length - tellAgainMax;
        expect(planned).toBe(orders.length - Math.max(beyond, 0));
      }),
      { numRuns: 5_000 },
    );
  });
});
