import { expect, test } from '@jest/globals';
import { loadOrdersDescriptors, loadPaymentsDescriptors } from './descriptors.ts';
import { OrdersServiceService } from './generated/orders/v1/orders.ts';
import { PaymentsServiceService } from './generated/payments/v1/payments.ts';

const pathsOf = (definition: object): string[] => Object.values(definition).map(({ path }: { path: string }) => path);

test('reflection describes exactly the calls that each server has, and health', () => {
  const orders = loadOrdersDescriptors();
  const payments = loadPaymentsDescriptors();
  expect(pathsOf(orders['orders.v1.OrdersService'] ?? {})).toEqual(pathsOf(OrdersServiceService));
  expect(pathsOf(payments['payments.v1.PaymentsService'] ?? {})).toEqual(pathsOf(PaymentsServiceService));
  for (const descriptors of [orders, payments])
    expect(pathsOf(descriptors['grpc.health.v1.Health'] ?? {})).toContain('/grpc.health.v1.Health/Check');
  expect(Object.keys(orders)).not.toContain('payments.v1.PaymentsService');
});
