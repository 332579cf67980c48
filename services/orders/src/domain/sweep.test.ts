import { newOrderId, parseUserId } from '@order-payments/kernel/ids.ts';
import { expect, test } from '@jest/globals';
import type { Order } from './order.ts';
import { planSweep, type RecordedOutcome } from './sweep.ts';

const userId = parseUserId('4f9d1d3e-7f3b-4a51-9a57-3c1f0d6f2b11');
const newOrder = (): Order => ({
  id: newOrderId(),
  userId,
  amount: 600n,
  description: '',
  createdAt: new Date(),
  status: 'NEW',
});
const paymentOf = ({ id }: Order): RecordedOutcome => ({
  orderId: id,
  userId,
  amount: 600n,
  decidedAt: new Date(),
  status: 'FINISHED',
});

test('what Payments decided is settled, what is lost is told again within the limit, and what waits in the outbox waits', () => {
  const [decided, foreign, lost, beyond, waiting] = [newOrder(), newOrder(), newOrder(), newOrder(), newOrder()];
  const outcome = paymentOf(decided);
  const plan = planSweep({
    due: [decided, foreign, lost, beyond, waiting],
    outcomes: new Map([
      [decided.id, outcome],
      [foreign.id, { ...paymentOf(foreign), amount: 1n }],
    ]),
    // Decided counts more than waiting: the outcome is known.
    inOutbox: new Set([waiting.id, decided.id]),
    tellAgainMax: 1,
  });
  expect(plan).toEqual({
    settle: [outcome],
    tellAgain: [lost],
    wait: [waiting],
    contradicting: [{ order: foreign, why: 'the payment is of another amount' }],
  });
});
