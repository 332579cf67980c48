import { eventIdOf, newAccountId } from '@order-payments/kernel/ids.ts';
import { sql } from '@order-payments/platform/db/pool.ts';
import { sleep } from '@order-payments/platform/backoff.ts';
import type { EventRecord } from '@order-payments/platform/kafka/envelope.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { settleOrders } from '../src/commands/settle-orders.ts';
import { topUpAccount } from '../src/commands/top-up-account.ts';
import { insertAccount } from '../src/store/accounts.ts';
import {
  balanceOf,
  brokenAccounts,
  count,
  newOrder,
  newUserId,
  openPaymentsDatabase,
  outboxEvents,
  outcomeOf,
  paymentsTopic,
  recordOf,
  soon,
  type PaymentsDatabase,
  type TestOrder,
} from './payments-database.ts';

let payments: PaymentsDatabase;
beforeAll(async () => {
  payments = await openPaymentsDatabase();
});
afterAll(async () => {
  await payments.end();
});
beforeEach(async () => {
  await payments.owner.query(sql.unsafe`
    truncate accounts, transactions, payments, outbox, inbox, dead_letters`);
});
afterEach(async () => {
  expect(await brokenAccounts(payments)).toEqual([]);
});

const forgetInbox = async (): Promise<unknown> => await payments.owner.query(sql.unsafe`delete from inbox`);
const withAmount = (order: TestOrder, amount: bigint): TestOrder => ({ ...order, amount });
const outcomesOf = async (orders: TestOrder[]): Promise<Array<string | undefined>> =>
  await Promise.all(orders.map(async (order) => await outcomeOf(payments, order)));

describe('orders that are told once', () => {
  test('are paid, refused for lack of funds, or refused for lack of an account, and the outcome waits in the outbox', async () => {
    const userId = await payments.openAccount(1_000n);
    const paid = newOrder(userId, 600n);
    const tooMuch = newOrder(userId, 600n);
    const fits = newOrder(userId, 400n);
    const unknown = newOrder(newUserId(), 1n);
    const orders = [paid, tooMuch, fits, unknown];

    const processed = await payments.consume(orders.map((order) => recordOf(payments, order)));

    expect(processed).toEqual({ applied: 4, duplicate: 0, skipped: 0, dead: 0 });
    expect(await outcomesOf(orders)).toEqual(['SUCCEEDED', 'INSUFFICIENT_FUNDS', 'SUCCEEDED', 'ACCOUNT_NOT_FOUND']);
    expect(await balanceOf(payments, userId)).toBe(0n);
    const events = await outboxEvents(payments);
    expect(events.map(({ topic, key, envelope: { event_type: type, data } }) => ({ topic, key, type, data }))).toEqual(
      orders.map((order) => {
        const reason = { [tooMuch.orderId]: 'INSUFFICIENT_FUNDS', [unknown.orderId]: 'ACCOUNT_NOT_FOUND' }[
          order.orderId
        ];
        return {
          topic: paymentsTopic,
          key: order.userId,
          type: reason ? 'PaymentFailed' : 'PaymentSucceeded',
          data: { order_id: order.orderId, user_id: order.userId, ...(reason && { reason }) },
        };
      }),
    );
    expect(events[0]?.eventId).toBe(eventIdOf(paid.orderId, 'PaymentSucceeded'));
    expect(await payments.registry.getSingleMetricAsString('payments_settled_total')).toContain(
      'payments_settled_total{status="SUCCEEDED",reason=""} 2',
    );
  });

  test('may exceed all limits of a statement: 1,000 orders of 100 users in one transaction', async () => {
    const users = await Promise.all(Array.from({ length: 100 }, async () => await payments.openAccount(80n)));
    const orders = Array.from({ length: 1_000 }, (_, index) => newOrder(users[index % 100] ?? newUserId(), 10n));
    await payments.consume(orders.map((order) => recordOf(payments, order)));
    const outcomes = await outcomesOf(orders);
    expect(outcomes.filter((outcome) => outcome === 'SUCCEEDED')).toHaveLength(800);
    expect(outcomes.slice(800)).toEqual(Array.from({ length: 200 }, () => 'INSUFFICIENT_FUNDS'));
  });
});

describe('orders that are told again', () => {
  test('in the same batch and in later ones change nothing', async () => {
    const userId = await payments.openAccount(100n);
    const record = recordOf(payments, newOrder(userId, 30n));
    expect(await payments.consume([record, record])).toMatchObject({ applied: 1, duplicate: 1 });
    expect(await payments.consume([record])).toMatchObject({ applied: 0, duplicate: 1 });
    expect(await balanceOf(payments, userId)).toBe(70n);
    expect(await count(payments, 'outbox')).toBe(1);
  });

  test('with an inbox row that someone deleted get their recorded outcome again and no second debit', async () => {
    const userId = await payments.openAccount(100n);
    const orders = [newOrder(userId, 60n), newOrder(userId, 60n)];
    const records = orders.map((order) => recordOf(payments, order));
    await payments.consume(records);
    // The refused order would fit now; what was decided stands.
    await topUpAccount(payments.database, { userId, amount: 100n, idempotencyKey: undefined, deadlineMs: soon() });
    await forgetInbox();

    expect(await payments.consume(records)).toMatchObject({ applied: 2, dead: 0 });

    expect(await balanceOf(payments, userId)).toBe(140n);
    expect(await outcomesOf(orders)).toEqual(['SUCCEEDED', 'INSUFFICIENT_FUNDS']);
    const events = await outboxEvents(payments);
    expect(events).toHaveLength(4);
    expect(events.slice(2)).toEqual(events.slice(0, 2));
  });

  test.each([
    ['known to the inbox', async () => {}],
    ['forgotten by the inbox', forgetInbox],
  ])('with another amount, %s, become dead letters without an inbox row', async (_name, prepare) => {
    const userId = await payments.openAccount(100n);
    const order = newOrder(userId, 30n);
    await payments.consume([recordOf(payments, order)]);
    await prepare();
    const inboxRows = await count(payments, 'inbox');

    const good = newOrder(userId, 1n);
    const bad = recordOf(payments, withAmount(order, 31n));
    expect(await payments.consume([bad, recordOf(payments, good)])).toMatchObject({ applied: 1, dead: 1 });

    expect(await balanceOf(payments, userId)).toBe(69n);
    expect(await count(payments, 'outbox')).toBe(2);
    expect(await count(payments, 'inbox')).toBe(inboxRows + 1);
    const why = await payments.owner.oneFirst(
      sql.type(z.object({ why: z.string() }))`select why from dead_letters where record_offset = ${bad.offset}`,
    );
    expect(why).toMatch(/other data|another user or amount/);
  });
});

test('an event that breaks a rule of the domain becomes a dead letter, and its neighbours are settled', async () => {
  const userId = await payments.openAccount(100n);
  const good = newOrder(userId, 30n);
  const bad = ['amount', 'event_id', 'description'].map((field) => {
    const order = newOrder(userId, 1n);
    return recordOf(payments, order, (envelope) => {
      switch (field) {
        case 'amount':
          return { ...envelope, data: { ...envelope.data, amount: 0 } };
        case 'description':
          return { ...envelope, data: { ...envelope.data, description: 'a\0b' } };
        default:
          return { ...envelope, event_id: newAccountId() };
      }
    });
  });
  const [first, ...others] = bad;
  const records = [first, recordOf(payments, good), ...others].filter((record): record is EventRecord => !!record);
  expect(await payments.consume(records)).toMatchObject({ applied: 1, dead: 3 });
  expect(await balanceOf(payments, userId)).toBe(70n);
  expect(await count(payments, 'inbox')).toBe(1);
});

describe('consumers of the same records at the same time', () => {
  test('settle each order once', async () => {
    const users = await Promise.all(Array.from({ length: 5 }, async () => await payments.openAccount(100n)));
    const orders = Array.from({ length: 60 }, (_, index) => newOrder(users[index % 6] ?? newUserId(), 9n));
    const records = orders.map((order) => recordOf(payments, order));
    const backwards = records.toReversed();

    const all = await Promise.all(
      [records, backwards, records, backwards].map(async (batch) => await payments.consume(batch)),
    );

    expect(all.map(({ applied }) => applied).sort((a, b) => a - b)).toEqual([0, 0, 0, 60]);
    expect(await count(payments, 'payments')).toBe(60);
    expect(await count(payments, 'outbox')).toBe(60);
  });

  test('settle each order once even where no inbox stands between them', async () => {
    const users = await Promise.all(Array.from({ length: 4 }, async () => await payments.openAccount(100n)));
    const orders = Array.from({ length: 60 }, (_, index) => newOrder(users[index % 6] ?? newUserId(), 9n));
    await Promise.all(
      [orders, orders.toReversed(), orders, orders.toReversed()].map(async (batch) => await settleWithoutInbox(batch)),
    );

    expect(await count(payments, 'payments')).toBe(60);
    // Each of the four tells all outcomes, and all tell the same.
    const told = await payments.owner.any(
      sql.type(z.object({ copies: z.bigint(), kinds: z.bigint() }))`
        select count(*) as copies, count(distinct payload) as kinds from outbox group by event_id`,
    );
    expect(told).toHaveLength(60);
    expect(new Set(told.map(({ copies, kinds }) => `${copies} ${kinds}`))).toEqual(new Set(['4 1']));
  });

  test('agree on an order whose account is opened while one of them decides: the one who commits second decides anew', async () => {
    const userId = newUserId();
    const order = newOrder(userId, 5n);
    const committing = Promise.withResolvers<void>();
    const decided = Promise.withResolvers<void>();
    const first = settleWithoutInbox([order], async () => {
      decided.resolve();
      await committing.promise;
    });
    await decided.promise;
    await insertAccount(payments.database, { id: newAccountId(), userId, now: new Date() });
    await topUpAccount(payments.database, { userId, amount: 50n, idempotencyKey: undefined, deadlineMs: soon() });
    const second = settleWithoutInbox([order]);
    await someoneWaits();
    committing.resolve();
    await Promise.all([first, second]);

    expect(await outcomeOf(payments, order)).toBe('ACCOUNT_NOT_FOUND');
    expect(await balanceOf(payments, userId)).toBe(50n);
    expect(await count(payments, 'transactions')).toBe(1);
  });
});

test('top-ups while orders are settled: every sum is exact and nothing deadlocks', async () => {
  const users = await Promise.all(Array.from({ length: 8 }, async () => await payments.openAccount(50n)));
  const deadlocksBefore = await deadlocks();
  const batches = Array.from({ length: 12 }, () =>
    Array.from({ length: 40 }, (_, index) => newOrder(users[(index * 5) % 8] ?? newUserId(), 3n)),
  );
  const topUps = Array.from({ length: 160 }, (_, index) => users[index % 8] ?? newUserId());
  await Promise.all([
    ...batches.map(async (batch) => await payments.consume(batch.map((order) => recordOf(payments, order)))),
    ...topUps.map(
      async (userId) =>
        await topUpAccount(payments.database, { userId, amount: 7n, idempotencyKey: undefined, deadlineMs: soon() }),
    ),
  ]);
  const paid = await payments.owner.oneFirst(
    sql.type(z.object({ paid: z.bigint() }))`select count(*) as paid from payments where status = 'SUCCEEDED'`,
  );
  const left = await Promise.all(users.map(async (userId) => await balanceOf(payments, userId)));
  expect(left.reduce((sum, balance) => sum + balance, 0n)).toBe(8n * 50n + 160n * 7n - paid * 3n);
  expect(await count(payments, 'payments')).toBe(480);
  expect(await deadlocks()).toBe(deadlocksBefore);
});

/** As a consumer that no inbox protects: two of them hold the same records in hand. */
async function settleWithoutInbox(orders: TestOrder[], beforeCommit = async (): Promise<void> => {}): Promise<void> {
  const facts = orders.map((order) => ({ ...order, eventId: eventIdOf(order.orderId, 'OrderCreated') }));
  await payments.database.transaction(async (transaction) => {
    await settleOrders(transaction, facts, (event) => ({
      eventId: event.event_id,
      topic: paymentsTopic,
      key: event.data.user_id,
      payload: Buffer.from(`${event.event_type} at ${event.occurred_at.toISOString()}`),
    }));
    await beforeCommit();
  });
}

/** Until a session waits for another's lock. */
async function someoneWaits(): Promise<void> {
  for (;;) {
    const waiting = await payments.owner.oneFirst(
      sql.type(z.object({ waiting: z.bigint() }))`select count(*) as waiting from pg_locks where not granted`,
    );
    if (waiting > 0n) return;
    await sleep(10);
  }
}

/** How many the server has broken. A session reports its own late, so each is asked to report now. */
async function deadlocks(): Promise<bigint> {
  const flush = sql.unsafe`select pg_stat_force_next_flush(), pg_sleep(0.05)`;
  await Promise.all(Array.from({ length: 10 }, async () => await payments.database.query(flush)));
  return await payments.owner.oneFirst(
    sql.type(z.object({ deadlocks: z.bigint() }))`
      select deadlocks from pg_stat_database where datname = current_database()`,
  );
}
