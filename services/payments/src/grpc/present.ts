import {
  PaymentStatus,
  TransactionType,
  type Account as AccountMessage,
  type Payment as PaymentMessage,
  type Transaction as TransactionMessage,
} from '@order-payments/contracts/generated/payments/v1/payments.ts';
import type { Account, Payment, Transaction } from '../domain/account.ts';

export function presentAccount({ id, userId, balance, updatedAt }: Account): AccountMessage {
  return { id, userId, balance, updatedAt };
}

export function presentTransaction(transaction: Transaction): TransactionMessage {
  const { id, accountId, amount, balanceAfter, createdAt } = transaction;
  const message = { id, accountId, amount, balanceAfter, createdAt };
  return transaction.type === 'CREDIT'
    ? { ...message, type: TransactionType.TRANSACTION_TYPE_CREDIT }
    : { ...message, type: TransactionType.TRANSACTION_TYPE_DEBIT, referenceOrderId: transaction.orderId };
}

export function presentPayment(payment: Payment): PaymentMessage {
  const { orderId, userId, amount, createdAt } = payment;
  const message = { orderId, userId, amount, createdAt };
  return payment.status === 'SUCCEEDED'
    ? { ...message, status: PaymentStatus.PAYMENT_STATUS_SUCCEEDED }
    : { ...message, status: PaymentStatus.PAYMENT_STATUS_FAILED, reason: payment.reason };
}
