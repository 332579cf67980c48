import { describe, expect, test } from '@jest/globals';
import { eventIdOf, type OrderId, type UserId } from '@order-payments/kernel/ids.ts';
import { eventDueAtOrders, eventDueAtPayments, judgeOrder } from './judge-order.ts';
import type { Debits, Order, OrderFacts, Payment } from './order-facts.ts';

const id = '01900000-0000-7000-8000-000000000001' as OrderId;
const userId = '01900000-0000-7000-8000-0000000000aa' as UserId;
const stranger = '01900000-0000-7000-8000-0000000000bb' as UserId;

const finished: Order = {
  id,
  userId,
  amount: 600n,
  status: 'FINISHED',
  cancelReason: null,
  isOverdue: true,
  isSwept: false,
  isRemembered: true,
};
const canceled: Order = { ...finished, status: 'CANCELED', cancelReason: 'INSUFFICIENT_FUNDS' };
const fresh: Order = { ...finished, status: 'NEW', isOverdue: false };
const stuck: Order = { ...fresh, isOverdue: true };
const succeeded: Payment = {
  userId,
  amount: 600n,
  status: 'SUCCEEDED',
  reason: null,
  isOverdue: true,
  isRemembered: true,
};
const failed: Payment = { ...succeeded, status: 'FAILED', reason: 'INSUFFICIENT_FUNDS' };
const debit: Debits = { count: 1, userId, amount: 600n };

function facts(order?: Order, payment?: Payment, debits?: Debits): OrderFacts {
  const decision = payment === undefined && debits === undefined ? undefined : { id, payment, debits };
  return { id, order, decision };
}

/** Which invariants are broken, each once. */
function broken(...given: Parameters<typeof facts>): string[] {
  return [...new Set(judgeOrder(facts(...given)).map(({ invariant }) => invariant))];
}

describe('nothing is wrong with', () => {
  test.each<[string, Parameters<typeof facts>]>([
    ['a paid order', [finished, succeeded, debit]],
    ['a refused order', [canceled, failed]],
    ['an order in flight', [fresh]],
    ['an order in flight that is paid already', [fresh, succeeded, debit]],
    ['an order in flight that is refused already', [fresh, failed]],
  ])('%s', (_name, given) => {
    expect(judgeOrder(facts(...given))).toEqual([]);
  });
});

describe('broken is', () => {
  test.each<[string, string[], Parameters<typeof facts>]>([
    ['I2 by a second debit', ['I2'], [finished, succeeded, { ...debit, count: 2 }]],
    ['I2 by a debit of another amount', ['I2'], [finished, succeeded, { ...debit, amount: 601n }]],
    ["I2 by a debit from another user's account", ['I2'], [finished, succeeded, { ...debit, userId: stranger }]],
    ['I2 by a debit without an order', ['I2'], [undefined, succeeded, debit]],
    ['I3 by FINISHED without a debit', ['I3'], [finished, succeeded]],
    ['I3 by FINISHED without a decision', ['I3'], [finished]],
    ['I3 by FINISHED after a refusal', ['I3'], [finished, failed]],
    ['I3 by FINISHED with a reason', ['I3'], [{ ...finished, cancelReason: 'X' }, succeeded, debit]],
    ['I3 by CANCELED with a debit', ['I3'], [canceled, succeeded, debit]],
    ['I3 by CANCELED that nobody decided', ['I3'], [canceled]],
    ['I3 by CANCELED without a reason', ['I3'], [{ ...canceled, cancelReason: null }, failed]],
    ['I3 by CANCELED for another reason', ['I3'], [{ ...canceled, cancelReason: 'ACCOUNT_NOT_FOUND' }, failed]],
    ['I3 by a debit without a payment', ['I3'], [finished, undefined, debit]],
    ['I3 by a refusal with a debit', ['I3'], [fresh, failed, debit]],
    ['I3 by a payment of another amount', ['I3'], [finished, { ...succeeded, amount: 1n }, debit]],
    ['I3 by a payment without an order', ['I3'], [undefined, failed]],
    ['I4 by an order that stays NEW', ['I4'], [stuck]],
    ['I4 by an order that is decided and stays NEW', ['I4'], [stuck, succeeded, debit]],
  ])('%s', (_name, invariants, given) => {
    expect(broken(...given)).toEqual(invariants);
  });
});

describe('the events that must have arrived', () => {
  test('a decided order was told to Payments, however young it is', () => {
    expect(eventDueAtPayments(facts(fresh, succeeded, debit))).toBe(eventIdOf(id, 'OrderCreated'));
  });

  test('of an undecided order nothing is asked, its event may wait in the topic', () => {
    expect(eventDueAtPayments(facts(stuck))).toBeUndefined();
    expect(eventDueAtOrders(facts(stuck))).toBeUndefined();
  });

  test('the outcome of a settled order was told to Orders', () => {
    expect(eventDueAtOrders(facts(finished, succeeded, debit))).toBe(eventIdOf(id, 'PaymentSucceeded'));
    expect(eventDueAtOrders(facts(canceled, failed))).toBe(eventIdOf(id, 'PaymentFailed'));
  });

  test('an outcome that had no time to arrive is not asked for, the sweeper settles without it', () => {
    expect(eventDueAtOrders(facts(finished, { ...succeeded, isOverdue: false }, debit))).toBeUndefined();
  });

  test('an event that the inbox may have forgotten is not asked for', () => {
    expect(eventDueAtPayments(facts({ ...finished, isRemembered: false }, succeeded, debit))).toBeUndefined();
    expect(eventDueAtOrders(facts(finished, { ...succeeded, isRemembered: false }, debit))).toBeUndefined();
    expect(eventDueAtOrders(facts({ ...finished, isSwept: true }, succeeded, debit))).toBeUndefined();
  });
});
