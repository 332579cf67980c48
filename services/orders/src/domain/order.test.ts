import { newOrderId, parseUserId } from '@order-payments/kernel/ids.ts';
import { describe, expect, test } from '@jest/globals';
import { asOrder, isSameRequest, lowestOrderIdAt, type NewOrder } from './order.ts';

const asked: NewOrder = {
  id: newOrderId(),
  userId: parseUserId('4f9d1d3e-7f3b-4a51-9a57-3c1f0d6f2b11'),
  amount: 600n,
  description: 'books',
  idempotencyKey: 'once',
  createdAt: new Date('2026-01-02T03:04:05.678Z'),
};

describe('a stored order', () => {
  test('is the same request for the same user, amount and description, whatever has become of it', () => {
    const settled = { ...asOrder(asked), status: 'FINISHED', settledAt: new Date() } as const;
    expect(isSameRequest(settled, { ...asked, idempotencyKey: undefined })).toBe(true);
  });

  test.each([
    ['user', { userId: parseUserId('5f9d1d3e-7f3b-4a51-9a57-3c1f0d6f2b11') }],
    ['amount', { amount: 601n }],
    ['description', { description: 'Books' }],
  ])('is another request than one of another %s', (_field, change) => {
    expect(isSameRequest(asOrder(asked), { ...asked, ...change })).toBe(false);
  });
});

describe('the lowest id of a time', () => {
  test('is below every id of that millisecond and above every one before it', () => {
    const time = new Date();
    const id = newOrderId();
    expect(lowestOrderIdAt(time) <= id).toBe(true);
    expect(lowestOrderIdAt(new Date(Date.now() + 1)) > id).toBe(true);
  });

  test('has the text form of a UUID, from the first millisecond on', () => {
    expect(lowestOrderIdAt(new Date(0))).toBe('00000000-0000-0000-0000-000000000000');
    expect(lowestOrderIdAt(new Date('2026-01-02T03:04:05.678Z'))).toBe('019b7ca9-8f2e-0000-0000-000000000000');
  });
});
