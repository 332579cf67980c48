import { OrderStatus, type Order } from '@order-payments/contracts/generated/orders/v1/orders.ts';
import { AppError } from '@order-payments/kernel/errors.ts';
import { sleep } from '@order-payments/platform/backoff.ts';

// An order settles within tens of milliseconds when nothing is queued; the longer it takes, the less a look is worth.
const firstPauseMs = 20;
const pauseGrowth = 1.5;
const pauseMaxMs = 250;

/**
 * The order once it is settled, or as it was last seen when the time is up or the client is gone.
 * It polls, because the settlement may land on any replica of Orders.
 */
export async function waitUntilSettled(
  order: Order,
  options: { look: () => Promise<Order>; timeoutMs: number; gone: AbortSignal },
): Promise<Order> {
  const { look, gone } = options;
  const deadline = performance.now() + options.timeoutMs;
  let seen = order;
  let pauseMs = firstPauseMs;
  while (seen.status === OrderStatus.ORDER_STATUS_NEW && !gone.aborted) {
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) break;
    await sleep(Math.min(pauseMs, leftMs), gone);
    pauseMs = Math.min(pauseMs * pauseGrowth, pauseMaxMs);
    if (gone.aborted) break;
    try {
      seen = await look();
    } catch (error) {
      // The order is accepted and will be settled: whatever a look at it is answered must not turn the 201 into an error.
      if (!(error instanceof AppError)) throw error;
    }
  }
  return seen;
}
