import type {
  CreateOrderRequest,
  CreateOrderResult,
  Order,
  OrdersServiceClient,
} from '@order-payments/contracts/generated/orders/v1/orders.ts';
import { assert } from '@order-payments/kernel/assert.ts';
import { sleep } from '@order-payments/platform/backoff.ts';
import { createBatchQueue, type Waiting } from '@order-payments/platform/batch-queue.ts';
import { callUnary } from '@order-payments/platform/grpc/client.ts';
import { joinRequestIds } from '@order-payments/platform/grpc/request-id.ts';
import { fromRefusal } from '@order-payments/platform/grpc/status.ts';

interface Asked {
  readonly request: CreateOrderRequest;
  readonly requestId: string;
}

const limits = {
  // 24 orders of the greatest size are 58 KiB, and Orders takes messages of up to 64 KiB.
  batchSizeMax: 24,
  slots: 3,
  // The gateway's limit of requests in flight holds for these, too.
  lengthMax: Number.MAX_SAFE_INTEGER,
};
// So of each queue 3 calls begin at once and 600 a second after that, with as many orders as have come: 14,400 a second at most.
// A call is not waited for any longer, or a replica of Orders that hangs would keep out those on their way to another.
const slotHeldMs = 5;

export type CreateOrder = (request: CreateOrderRequest, requestId: string) => Promise<Order>;

/**
 * Orders that arrive together go to the service in one call: a call costs the gateway 100 us of processor time and Orders 70,
 * however many orders are in it. A lone order waits for nobody and goes alone. Each keeps its own answer.
 */
export function prepareCreateOrder(client: OrdersServiceClient, timeoutMs: number): CreateOrder {
  const queueOf = (retry: boolean) =>
    createBatchQueue<Asked, Order>(limits, async (batch) => {
      const answered = send(client, batch, retry).catch((error: unknown) => {
        for (const { reject } of batch) reject(error);
      });
      await Promise.race([answered, sleep(slotHeldMs)]);
    });
  // Without a key a repetition would be another order, so a keyless call is never sent twice.
  const [withKey, withoutKey] = [queueOf(true), queueOf(false)];
  return async (request, requestId) => {
    const queue = request.idempotencyKey === undefined ? withoutKey : withKey;
    return await queue.add({ request, requestId }, Date.now() + timeoutMs);
  };
}

async function send(
  client: OrdersServiceClient,
  batch: ReadonlyArray<Waiting<Asked, Order>>,
  retry: boolean,
): Promise<void> {
  const settings = {
    requestId: joinRequestIds(batch.map(({ item }) => item.requestId)),
    // They came within milliseconds of each other.
    timeoutMs: Math.min(...batch.map(({ deadlineMs }) => deadlineMs)) - Date.now(),
    retry,
  };
  const results = await call(
    client,
    batch.map(({ item }) => item.request),
    settings,
  );
  for (const [index, waiting] of batch.entries()) {
    const { order, refusal } = results[index] ?? {};
    // As callUnary does with a lone order: sent again while its caller waits.
    if (retry && batch.length > 1 && refusal?.code === 'UNAVAILABLE')
      void send(client, [waiting], retry).catch(waiting.reject);
    else if (refusal !== undefined) waiting.reject(fromRefusal(refusal));
    else {
      assert(order !== undefined, 'Orders answered without an order');
      waiting.resolve(order);
    }
  }
}

async function call(
  client: OrdersServiceClient,
  orders: CreateOrderRequest[],
  settings: Parameters<typeof callUnary>[2],
): Promise<ReadonlyArray<Partial<CreateOrderResult>>> {
  const [lone] = orders;
  if (lone !== undefined && orders.length === 1)
    return [await callUnary(client.createOrder.bind(client), lone, settings)];
  const { results } = await callUnary(client.createOrders.bind(client), { orders }, settings);
  return results;
}
