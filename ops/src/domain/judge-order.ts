import { eventIdOf, type EventId } from '@order-payments/kernel/ids.ts';
import type { Violation } from './invariants.ts';
import type { Debits, Order, OrderFacts, Payment } from './order-facts.ts';

/**
 * What is wrong with an order, by RELIABILITY's invariants I2, I3 and I4. Money first: a debit that is not the order's is I2;
 * who is right about the outcome is I3; an order that is only late is I4, and nothing else is asked of it.
 */
export function judgeOrder({ id, order, decision }: OrderFacts): Violation[] {
  const payment = decision?.payment;
  const debits = decision?.debits;
  return [
    ...judgeDebits(order, debits).map((what) => violation('I2', id, what)),
    ...judgeAgreement(order, payment, debits).map((what) => violation('I3', id, what)),
    ...(order?.status === 'NEW' && order.isOverdue ? [violation('I4', id, describeLateness(payment))] : []),
  ];
}

function violation(invariant: Violation['invariant'], subject: string, what: string): Violation {
  return { invariant, subject, what };
}

function judgeDebits(order: Order | undefined, debits: Debits | undefined): string[] {
  if (debits === undefined) return [];
  if (order === undefined) return [`debited ${debits.amount} for an order that Orders does not have`];
  const wrong: string[] = [];
  if (debits.count > 1) wrong.push(`debited ${debits.count} times`);
  if (debits.amount !== order.amount) wrong.push(`debited ${debits.amount}, the order is of ${order.amount}`);
  if (debits.userId !== order.userId) wrong.push(`debited from user ${debits.userId}, the order is of ${order.userId}`);
  return wrong;
}

function judgeAgreement(order: Order | undefined, payment: Payment | undefined, debits: Debits | undefined): string[] {
  return [
    ...judgePayment(payment, debits),
    ...(order === undefined ? judgeWithoutOrder(payment, debits) : judgeStatus(order, payment, debits)),
  ];
}

function judgePayment(payment: Payment | undefined, debits: Debits | undefined): string[] {
  if (payment === undefined) return debits === undefined ? [] : ['debited, but Payments has no payment'];
  if (payment.status === 'SUCCEEDED' && debits === undefined) return ['the payment SUCCEEDED without a debit'];
  if (payment.status === 'FAILED' && debits !== undefined) return ['the payment FAILED and yet there is a debit'];
  return [];
}

/** A debit without an order is told as I2 already. */
function judgeWithoutOrder(payment: Payment | undefined, debits: Debits | undefined): string[] {
  if (payment === undefined || debits !== undefined) return [];
  return [`the payment ${payment.status} for an order that Orders does not have`];
}

function judgeStatus(order: Order, payment: Payment | undefined, debits: Debits | undefined): string[] {
  const wrong: string[] = [];
  if (payment !== undefined && (payment.userId !== order.userId || payment.amount !== order.amount))
    wrong.push('the payment is of another user or amount than the order');
  switch (order.status) {
    case 'NEW':
      return wrong;
    case 'FINISHED':
      if (debits === undefined) wrong.push('FINISHED without a debit');
      if (payment?.status !== 'SUCCEEDED') wrong.push(`FINISHED, ${describePayment(payment)}`);
      if (order.cancelReason !== null) wrong.push('FINISHED with a cancel reason');
      return wrong;
    case 'CANCELED':
      if (debits !== undefined) wrong.push('CANCELED with a debit');
      if (order.cancelReason === null) wrong.push('CANCELED without a reason');
      if (payment?.status !== 'FAILED') wrong.push(`CANCELED, ${describePayment(payment)}`);
      else if (payment.reason !== order.cancelReason)
        wrong.push(`CANCELED as ${order.cancelReason}, the payment FAILED as ${payment.reason}`);
      return wrong;
  }
}

function describePayment(payment: Payment | undefined): string {
  return payment === undefined ? 'but Payments has not decided' : `but the payment ${payment.status}`;
}

function describeLateness(payment: Payment | undefined): string {
  return payment === undefined
    ? 'NEW for too long; Payments has not decided'
    : `NEW for too long; the payment ${payment.status}, and Orders has not heard of it`;
}

/**
 * The event that Payments must have recorded: an order that it decided was told to it. Of an order that is not decided
 * nothing is known here, because its event may wait in the topic.
 */
export function eventDueAtPayments({ id, order, decision }: OrderFacts): EventId | undefined {
  if (order === undefined || decision?.payment === undefined || !order.isRemembered) return undefined;
  return eventIdOf(id, 'OrderCreated');
}

/**
 * The event that Orders must have recorded: the outcome of an order that is settled. Where the sweeper
 * settled it, the event is late, or was lost and made up for, as after a restore.
 */
export function eventDueAtOrders({ id, order, decision }: OrderFacts): EventId | undefined {
  const payment = decision?.payment;
  if (order === undefined || order.status === 'NEW' || order.isSwept) return undefined;
  if (payment === undefined || !payment.isOverdue || !payment.isRemembered) return undefined;
  return eventIdOf(id, payment.status === 'SUCCEEDED' ? 'PaymentSucceeded' : 'PaymentFailed');
}
