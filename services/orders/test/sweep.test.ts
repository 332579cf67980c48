import { PaymentStatus } from '@order-payments/contracts/generated/payments/v1/payments.ts';
import { eventIdOf, newOrderId, type OrderId } from '@order-payments/kernel/ids.ts';
import { sql } from '@order-payments/platform/db/pool.ts';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSweep, type SweepSettings } from '../src/commands/sweep.ts';
import { lowestOrderIdAt, type Order } from '../src/domain/order.ts';
import type { RecordedOutcome } from '../src/domain/sweep.ts';
import { oldestNewAgeSeconds, watchOverdue } from '../src/store/sweep.ts';
import {
  count,
  decidedAt,
  logger,
  newUserId,
  openOrdersDatabase,
  ordersTopic,
  outboxEvents,
  recordOf,
  request,
  soon,
  storedOrder,
  succeeded,
  type OrdersDatabase,
} from './orders-database.ts';
import { answerAsPayments, paymentOf, type PaymentsAnswers } from './payments-answers.ts';

let orders: OrdersDatabase;
let payments: PaymentsAnswers;
beforeEach(async () => {
  [orders, payments] = await Promise.all([openOrdersDatabase(), answerAsPayments()]);
});
afterEach(async () => {
  await payments.end();
  await orders.end();
});

const usual: SweepSettings = {
  overdueMs: 30_000,
  backoff: { baseMs: 10_000, maxMs: 300_000 },
  dueMax: 1_000,
  tellAgainMax: 600,
};

let told = 0;
const newSweep = (settings: Partial<SweepSettings> = {}): ((now: Date) => Promise<void>) => {
  told = 0;
  const { database, codec, metrics } = orders;
  return createSweep(
    { database, payments: payments.client, codec, ordersTopic, afterCommit: () => (told += 1), metrics, logger },
    { ...usual, ...settings },
  );
};

const later = (seconds: number): Date => new Date(Date.now() + seconds * 1_000);

/** An order whose event was published, and then lost. */
async function newOrder(): Promise<Order> {
  const order = await orders.createOrder(request(), soon());
  await orders.owner.query(sql.unsafe`delete from outbox`);
  return order;
}

const poor = { status: PaymentStatus.PAYMENT_STATUS_FAILED, reason: 'INSUFFICIENT_FUNDS' } as const;

describe('an order that stays NEW', () => {
  test('for less than 30 s is nobody’s business', async () => {
    const order = await newOrder();
    await newSweep()(later(29));
    expect(payments.asked).toEqual([]);
    expect(await storedOrder(orders, order.id)).toMatchObject({ swept_at: null });
  });

  test('because its outcome was lost is settled as Payments says, and marked as done without its event', async () => {
    const [paid, refused] = [await newOrder(), await newOrder()];
    payments.payments.set(paid.id, paymentOf(paid)).set(refused.id, paymentOf(refused, poor));
    await newSweep()(later(31));
    expect(await storedOrder(orders, paid.id)).toEqual({
      status: 'FINISHED',
      cancel_reason: null,
      settled_at: decidedAt,
      swept_at: null,
      sweep_count: 1,
    });
    expect(await storedOrder(orders, refused.id)).toMatchObject({
      status: 'CANCELED',
      cancel_reason: 'INSUFFICIENT_FUNDS',
    });
    expect(await count(orders, 'outbox')).toBe(0);
  });

  test('because its event was lost has the same event told again, at growing intervals, until Payments decides', async () => {
    const order = await orders.createOrder(request(), soon());
    const [event] = await outboxEvents(orders);
    await orders.owner.query(sql.unsafe`delete from outbox`);
    const sweep = newSweep();
    await sweep(later(31));
    expect(await outboxEvents(orders)).toEqual([event]);
    expect(event?.eventId).toBe(eventIdOf(order.id, 'OrderCreated'));
    expect(told).toBe(1);

    const lost = sql.unsafe`delete from outbox`;
    const tellingsAt = async (seconds: number): Promise<number> => {
      await orders.owner.query(lost);
      await sweep(later(seconds));
      return await count(orders, 'outbox');
    };
    expect(await tellingsAt(31 + 19)).toBe(0);
    expect(await tellingsAt(31 + 21)).toBe(1);
    expect(await tellingsAt(52 + 39)).toBe(0);
    expect(await tellingsAt(52 + 41)).toBe(1);
    expect(await storedOrder(orders, order.id)).toMatchObject({ status: 'NEW', sweep_count: 3 });

    payments.decide(order);
    await sweep(later(93 + 81));
    expect(await storedOrder(orders, order.id)).toMatchObject({ status: 'FINISHED', swept_at: null });
  });

  test('while its event still waits in the outbox is told by nobody else, however long that takes', async () => {
    const order = await orders.createOrder(request(), soon());
    const sweep = newSweep();
    for (const seconds of [31, 42, 53]) await sweep(later(seconds));
    expect(payments.asked).toEqual([1, 1, 1]);
    expect(await count(orders, 'outbox')).toBe(1);
    expect(await storedOrder(orders, order.id)).toMatchObject({ status: 'NEW', sweep_count: 0 });
  });

  test('is left alone while Payments gives no answer, and healed at once when it does', async () => {
    const order = await newOrder();
    const sweep = newSweep();
    payments.away = true;
    await expect(sweep(later(31))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await count(orders, 'outbox')).toBe(0);
    expect(await storedOrder(orders, order.id)).toMatchObject({ status: 'NEW', sweep_count: 0 });
    payments.away = false;
    await sweep(later(34));
    expect(await count(orders, 'outbox')).toBe(1);
  }, 30_000);

  test('of which Payments says what is not known here waits, and holds up no other', async () => {
    const [strange, other] = [await newOrder(), await newOrder()];
    payments.payments.set(strange.id, paymentOf(strange, { ...poor, reason: 'ACCOUNT_FROZEN' }));
    payments.decide(other);
    await newSweep()(later(31));
    expect(await storedOrder(orders, strange.id)).toMatchObject({ status: 'NEW', sweep_count: 0 });
    expect(await storedOrder(orders, other.id)).toMatchObject({ status: 'FINISHED', sweep_count: 1 });
    expect(await count(orders, 'outbox')).toBe(0);
  });

  test('is never settled by a payment of another user or amount', async () => {
    const [foreign, dear] = [await newOrder(), await newOrder()];
    payments.payments
      .set(foreign.id, paymentOf(foreign, { userId: newUserId() }))
      .set(dear.id, paymentOf(dear, { amount: dear.amount + 1n }));
    await newSweep()(later(31));
    for (const { id } of [foreign, dear]) expect(await storedOrder(orders, id)).toMatchObject({ status: 'NEW' });
    expect(await count(orders, 'outbox')).toBe(0);
    expect(await orders.registry.metrics()).toContain('orders_swept_total{result="contradicting"} 2');
  });

  test('and is settled by its event while the sweeper asks stays as the event left it', async () => {
    const order = await newOrder();
    const { database, codec, metrics } = orders;
    const findOutcomes = async (): Promise<ReadonlyMap<OrderId, RecordedOutcome>> => {
      await orders.consume([recordOf(orders, succeeded(order))]);
      return new Map();
    };
    const sweep = createSweep(
      { database, payments: { findOutcomes }, codec, ordersTopic, afterCommit: () => {}, metrics, logger },
      usual,
    );
    await sweep(later(31));
    expect(await storedOrder(orders, order.id)).toMatchObject({ status: 'FINISHED', sweep_count: 0, swept_at: null });
    expect(await count(orders, 'outbox')).toBe(0);
  });
});

describe('many orders that stay NEW', () => {
  test('are asked for 100 at a time and told again within the limit, the oldest first, until all were', async () => {
    const created = await Promise.all(Array.from({ length: 450 }, () => orders.createOrder(request(), soon())));
    await orders.owner.query(sql.unsafe`delete from outbox`);
    const sweep = newSweep({ tellAgainMax: 200, dueMax: 300 });
    await sweep(later(31));
    expect(payments.asked).toEqual([100, 100, 100]);
    expect(await count(orders, 'outbox')).toBe(200);
    await sweep(later(34));
    await sweep(later(37));
    const events = await outboxEvents(orders);
    expect(events.map(({ envelope }) => envelope.data['order_id']).sort()).toEqual(created.map(({ id }) => id).sort());
  });

  test('are found in steps, each row once, whatever is settled between them', async () => {
    const created = await Promise.all(Array.from({ length: 250 }, newOrder));
    const settled = created.filter((_, index) => index % 2 === 0);
    await orders.consume(settled.map((order) => recordOf(orders, succeeded(order))));
    const belowId = lowestOrderIdAt(later(1));
    let position = lowestOrderIdAt(new Date(0));
    let total = 0;
    for (let step = 0; step < 100 && position < belowId; step++) {
      const { found, searchedTo } = await watchOverdue(orders.database, {
        aboveId: position,
        belowId,
        scanMax: 40,
        watchMax: 15,
      });
      expect(searchedTo > position).toBe(true);
      total += found;
      position = searchedTo;
    }
    expect(total).toBe(125);
  });

  test('from before an outage, or written long after their id was given, are found too', async () => {
    const idAt = (date: Date): OrderId => (lowestOrderIdAt(date).slice(0, 14) + newOrderId().slice(14)) as OrderId;
    const insert = async (created: Date): Promise<OrderId> => {
      const id = idAt(created);
      await orders.owner.query(sql.unsafe`
        insert into orders (id, user_id, amount, description, created_at)
        values (${id}, ${newUserId()}, 1, '', ${created.toISOString()})`);
      return id;
    };
    const old = await insert(later(-30 * 86_400));
    const sweep = newSweep();
    await sweep(later(0));
    expect(await storedOrder(orders, old)).toMatchObject({ sweep_count: 1 });
    const slow = await insert(later(-42));
    const frozen = await insert(later(-600));
    await sweep(later(0));
    expect(await storedOrder(orders, slow)).toMatchObject({ sweep_count: 1 });
    await sweep(later(3_601));
    await sweep(later(3_604));
    expect(await storedOrder(orders, frozen)).toMatchObject({ sweep_count: 1 });
  });
});

test('the age of the oldest NEW order is known, whether it is watched or still young', async () => {
  const young = lowestOrderIdAt(later(-60));
  expect(await oldestNewAgeSeconds(orders.database, young)).toBe(0);
  const order = await newOrder();
  await newOrder();
  await orders.owner.query(sql.unsafe`
    update orders set created_at = created_at - interval '50 s' where id = ${order.id}`);
  expect(Math.round(await oldestNewAgeSeconds(orders.database, young))).toBe(50);
  expect(await oldestNewAgeSeconds(orders.database, lowestOrderIdAt(later(60)))).toBe(0);
  await newSweep()(later(31));
  expect(Math.round(await oldestNewAgeSeconds(orders.database, lowestOrderIdAt(later(60))))).toBe(50);
});
