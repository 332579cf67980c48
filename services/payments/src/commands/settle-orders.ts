import { paymentFailed, paymentSucceeded, type PaymentOutcome } from '@order-payments/contracts/events.ts';
import { newTransactionId, type OrderId, type UserId } from '@order-payments/kernel/ids.ts';
import { assertNever } from '@order-payments/kernel/assert.ts';
import type { Transaction } from '@order-payments/platform/db/pool.ts';
import type { OutboxRow } from '@order-payments/platform/outbox/outbox.ts';
import { seam } from '@order-payments/platform/seam.ts';
import type { Payment } from '../domain/account.ts';
import { settle, type CreatedOrder, type Settlement } from '../domain/settle.ts';
import { lockAccounts } from '../store/accounts.ts';
import { findPayments } from '../store/payments.ts';
import { writeSettlement } from '../store/settlement.ts';

/**
 * Decides the orders in arrival order and writes what follows, in the caller's transaction: balances, debits, payments and
 * their events. Of orders that were decided before, the recorded outcome is told again and nothing is debited.
 */
export async function settleOrders(
  transaction: Transaction,
  orders: readonly CreatedOrder[],
  toOutboxRow: (event: PaymentOutcome) => OutboxRow,
): Promise<Settlement> {
  const now = new Date();
  const accounts = await lockAccounts(transaction, unique<UserId>(orders.map(({ userId }) => userId)));
  // After the lock, in a statement of its own: what a consumer decided that held the lock before us is seen only so.
  const payments = await findPayments(transaction, unique<OrderId>(orders.map(({ orderId }) => orderId)));
  const settlement = settle({ accounts, payments, orders, now, newTransactionId });
  seam('consumer.settled');
  const outbox = settlement.outcomes.map((payment) => toOutboxRow(outcomeOf(payment)));
  await writeSettlement(transaction, settlement, outbox, now);
  return settlement;
}

/** The event of a payment. Its time is the payment's, so that telling it again tells the same. */
function outcomeOf(payment: Payment): PaymentOutcome {
  const decided = { orderId: payment.orderId, userId: payment.userId, decidedAt: payment.createdAt };
  switch (payment.status) {
    case 'SUCCEEDED':
      return paymentSucceeded(decided);
    case 'FAILED':
      return paymentFailed({ ...decided, reason: payment.reason });
    default:
      return assertNever(payment, 'payment status');
  }
}

function unique<Id extends string>(ids: readonly Id[]): Id[] {
  return [...new Set(ids)];
}
