import { credentials } from '@grpc/grpc-js';
import { cancelReasons } from '@order-payments/contracts/events.ts';
import {
  PaymentsServiceClient,
  PaymentStatus,
  type Payment,
} from '@order-payments/contracts/generated/payments/v1/payments.ts';
import { parseOrderId, parseUserId, type OrderId } from '@order-payments/kernel/ids.ts';
import { callUnary, channelOptions } from '@order-payments/platform/grpc/client.ts';
import { newUuid } from '@order-payments/kernel/uuid.ts';
import { UNKNOWN_OUTCOME, type AnsweredOutcome } from '../domain/sweep.ts';

// What one call may ask for.
const orderIdsMax = 100;
const timeoutMs = 5_000;

export interface PaymentsClient {
  /** What Payments decided on these orders; those that it has not decided are left out. Throws AppError. */
  findOutcomes(orderIds: readonly OrderId[]): Promise<ReadonlyMap<OrderId, AnsweredOutcome>>;
  close(): void;
}

export function createPaymentsClient(url: string): PaymentsClient {
  const client = new PaymentsServiceClient(url, credentials.createInsecure(), channelOptions);
  const getPayments = client.getPayments.bind(client);
  return {
    async findOutcomes(orderIds) {
      const outcomes = new Map<OrderId, AnsweredOutcome>();
      for (let start = 0; start < orderIds.length; start += orderIdsMax) {
        const request = { orderIds: orderIds.slice(start, start + orderIdsMax) };
        const { payments } = await callUnary(getPayments, request, {
          requestId: newUuid(),
          timeoutMs,
          retry: true,
        });
        for (const payment of payments) {
          const orderId = parseOrderId(payment.orderId);
          outcomes.set(orderId, toOutcome(orderId, payment));
        }
      }
      return outcomes;
    },
    close: () => client.close(),
  };
}

/** Unknown where a newer Payments says more than this version knows: that passes with the upgrade. */
function toOutcome(orderId: OrderId, payment: Payment): AnsweredOutcome {
  const { createdAt: decidedAt, amount, reason, status } = payment;
  if (decidedAt === undefined) return UNKNOWN_OUTCOME;
  const decided = { orderId, userId: parseUserId(payment.userId), amount, decidedAt };
  if (status === PaymentStatus.PAYMENT_STATUS_SUCCEEDED) return { ...decided, status: 'FINISHED' };
  const cancelReason = cancelReasons.find((known) => known === reason);
  if (status !== PaymentStatus.PAYMENT_STATUS_FAILED || cancelReason === undefined) return UNKNOWN_OUTCOME;
  return { ...decided, status: 'CANCELED', cancelReason };
}
