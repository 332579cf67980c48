import { loadPaymentsDescriptors } from '@order-payments/contracts/descriptors.ts';
import {
  PaymentsServiceService,
  type GetPaymentsRequest,
  type GetPaymentsResponse,
  PaymentStatus,
  type Payment,
} from '@order-payments/contracts/generated/payments/v1/payments.ts';
import { AppError } from '@order-payments/kernel/errors.ts';
import { startGrpcServer } from '@order-payments/platform/grpc/server.ts';
import { createMetrics } from '@order-payments/platform/metrics.ts';
import { createPaymentsClient, type PaymentsClient } from '../src/clients/payments.ts';
import type { Order } from '../src/domain/order.ts';
import { decidedAt, logger } from './orders-database.ts';

/** What Payments answers over gRPC, as a test wants it: a whole Payments could not be brought to contradict an order. */
export interface PaymentsAnswers {
  readonly url: string;
  readonly client: PaymentsClient;
  /** Decided payments by their order's id. */
  readonly payments: Map<string, Payment>;
  /** How many orders each call asked for. */
  readonly asked: number[];
  away: boolean;
  /** Payments decides that the order is paid. */
  decide(order: Order): void;
  end(): Promise<void>;
}

export async function answerAsPayments(): Promise<PaymentsAnswers> {
  const payments = new Map<string, Payment>();
  const asked: number[] = [];
  const getPayments = async ({ orderIds }: GetPaymentsRequest): Promise<GetPaymentsResponse> => {
    if (answers.away) throw new AppError('UNAVAILABLE', 'away');
    asked.push(orderIds.length);
    return { payments: orderIds.flatMap((id) => payments.get(id) ?? []) };
  };
  const others = Object.keys(PaymentsServiceService).map((name) => [name, getPayments] as const);
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [{ definition: PaymentsServiceService, handlers: Object.fromEntries(others) }],
    descriptors: loadPaymentsDescriptors(),
    logger,
    registry: createMetrics(),
  });
  const url = `127.0.0.1:${server.port}`;
  const client = createPaymentsClient(url);
  const answers: PaymentsAnswers = {
    url,
    client,
    payments,
    asked,
    away: false,
    decide: (order) => void payments.set(order.id, paymentOf(order)),
    end: async () => {
      client.close();
      await server.stop();
    },
  };
  return answers;
}

export function paymentOf({ id, userId, amount }: Order, change: Partial<Payment> = {}): Payment {
  const status = PaymentStatus.PAYMENT_STATUS_SUCCEEDED;
  return { orderId: id, userId, amount, status, createdAt: decidedAt, ...change };
}
