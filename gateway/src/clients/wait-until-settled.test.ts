import { describe, expect, test } from '@jest/globals';
import { OrderStatus, type Order } from '@order-payments/contracts/generated/orders/v1/orders.ts';
import { AppError, errorCodes } from '@order-payments/kernel/errors.ts';
import { waitUntilSettled } from './wait-until-settled.ts';

const newOrder: Order = {
  id: '0198c5a1-02d4-7e9b-b1f5-3c4d5e6f7a03',
  userId: '0198c5a0-7f3e-7c55-9a31-2f1d8a4b6c01',
  amount: 600n,
  description: 'Two books',
  status: OrderStatus.ORDER_STATUS_NEW,
  createdAt: new Date(0),
  settledAt: undefined,
};
const finished: Order = { ...newOrder, status: OrderStatus.ORDER_STATUS_FINISHED, settledAt: new Date(1) };
const staying = new AbortController().signal;

describe('waitUntilSettled', () => {
  test('looks until the order is settled', async () => {
    let looks = 0;
    const look = async (): Promise<Order> => (++looks < 3 ? newOrder : finished);
    expect(await waitUntilSettled(newOrder, { look, timeoutMs: 5_000, gone: staying })).toBe(finished);
    expect(looks).toBe(3);
  });

  test('does not look at an order that is settled already', async () => {
    const look = async (): Promise<Order> => {
      throw new Error('looked');
    };
    expect(await waitUntilSettled(finished, { look, timeoutMs: 5_000, gone: staying })).toBe(finished);
  });

  test('answers with the order as it is when the time is up', async () => {
    const started = performance.now();
    const look = async (): Promise<Order> => newOrder;
    expect(await waitUntilSettled(newOrder, { look, timeoutMs: 300, gone: staying })).toBe(newOrder);
    expect(performance.now() - started).toBeGreaterThanOrEqual(295);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('stops when the client is gone', async () => {
    const gone = new AbortController();
    let looks = 0;
    const look = async (): Promise<Order> => {
      if (++looks === 2) gone.abort();
      return newOrder;
    };
    await waitUntilSettled(newOrder, { look, timeoutMs: 60_000, gone: gone.signal });
    expect(looks).toBe(2);
  });

  test.each(errorCodes)('passes over a look that failed with %s: the order is accepted all the same', async (code) => {
    let looks = 0;
    const look = async (): Promise<Order> => {
      if (++looks === 1) throw new AppError(code, 'no');
      return finished;
    };
    expect(await waitUntilSettled(newOrder, { look, timeoutMs: 5_000, gone: staying })).toBe(finished);
  });

  test('answers with the order as it was last seen when every look fails', async () => {
    const look = async (): Promise<Order> => {
      throw new AppError('ORDER_NOT_FOUND', 'no');
    };
    expect(await waitUntilSettled(newOrder, { look, timeoutMs: 100, gone: staying })).toBe(newOrder);
  });
});
