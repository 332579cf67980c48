import { newOrderId, parseUserId } from '@order-payments/kernel/ids.ts';
import { describe, expect, test } from '@jest/globals';
import type { Order, OrderState } from './order.ts';
import { contradiction, firstOfEachOrder, type Outcome } from './settle.ts';

const orderId = newOrderId();
const userId = parseUserId('4f9d1d3e-7f3b-4a51-9a57-3c1f0d6f2b11');
const decidedAt = new Date();
const finished: Outcome = { orderId, userId, decidedAt, status: 'FINISHED' };
const canceled: Outcome = { orderId, userId, decidedAt, status: 'CANCELED', cancelReason: 'INSUFFICIENT_FUNDS' };
const stored = (state: OrderState): Order => ({
  id: orderId,
  userId,
  amount: 1n,
  description: '',
  createdAt: new Date(),
  ...state,
});
const settledAt = new Date(0);

describe('an outcome contradicts', () => {
  test('no order that is as it says, whenever that was settled', () => {
    expect(contradiction(stored({ status: 'FINISHED', settledAt }), finished)).toBeUndefined();
    const refused = stored({ status: 'CANCELED', settledAt, cancelReason: 'INSUFFICIENT_FUNDS' });
    expect(contradiction(refused, canceled)).toBeUndefined();
  });

  test.each<[string, Order | undefined, Outcome]>([
    ['there is no such order', undefined, finished],
    [
      'the order belongs to another user',
      { ...stored({ status: 'NEW' }), userId: parseUserId('5f9d1d3e-7f3b-4a51-9a57-3c1f0d6f2b11') },
      finished,
    ],
    ['the order is FINISHED and cannot become CANCELED', stored({ status: 'FINISHED', settledAt }), canceled],
    [
      'the order was canceled with ACCOUNT_NOT_FOUND and not with INSUFFICIENT_FUNDS',
      stored({ status: 'CANCELED', settledAt, cancelReason: 'ACCOUNT_NOT_FOUND' }),
      canceled,
    ],
  ])('%s', (why, order, outcome) => {
    expect(contradiction(order, outcome)).toBe(why);
  });
});

test('of outcomes for one order the first in arrival order counts', () => {
  const other = { ...finished, orderId: newOrderId() };
  expect(firstOfEachOrder([canceled, other, finished])).toEqual({ first: [canceled, other], later: [finished] });
});
