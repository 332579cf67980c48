import { createPrunedCounter, prune } from '@order-payments/platform/inbox/retention.ts';
import { sql } from '@order-payments/platform/db/pool.ts';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { topUpAccount } from '../src/commands/top-up-account.ts';
import {
  balanceOf,
  brokenAccounts,
  count,
  newOrder,
  openPaymentsDatabase,
  outboxEvents,
  outcomeOf,
  recordOf,
  soon,
  type PaymentsDatabase,
} from './payments-database.ts';

let payments: PaymentsDatabase;
beforeAll(async () => {
  payments = await openPaymentsDatabase();
});
afterAll(async () => {
  await payments.end();
});

test('an event that comes again after its inbox row was pruned debits nothing and gets the outcome that was decided', async () => {
  const userId = await payments.openAccount(100n);
  const [paid, refused] = [newOrder(userId, 60n), newOrder(userId, 60n)];
  const records = [paid, refused].map((order) => recordOf(payments, order));
  await payments.consume(records);
  // The refused order would fit now.
  await topUpAccount(payments.database, { userId, amount: 100n, idempotencyKey: undefined, deadlineMs: soon() });
  await payments.owner.query(sql.unsafe`update inbox set received_at = now() - interval '15 days'`);
  const young = recordOf(payments, newOrder(userId, 1n));
  await payments.consume([young]);
  const before = await outboxEvents(payments);

  await prune(
    { database: payments.database, pruned: createPrunedCounter(payments.registry) },
    { inboxHours: 336, deadLetterHours: 720, intervalMs: 1_000 },
    new AbortController().signal,
  );
  expect(await count(payments, 'inbox')).toBe(1);

  expect(await payments.consume([...records, young])).toMatchObject({ applied: 2, duplicate: 1, dead: 0 });
  expect(await payments.consume(records)).toMatchObject({ applied: 0, duplicate: 2 });
  expect(await balanceOf(payments, userId)).toBe(139n);
  expect([await outcomeOf(payments, paid), await outcomeOf(payments, refused)]).toEqual([
    'SUCCEEDED',
    'INSUFFICIENT_FUNDS',
  ]);
  expect(await count(payments, 'payments')).toBe(3);
  const events = await outboxEvents(payments);
  expect(events.slice(before.length)).toEqual(before.slice(0, 2));
  expect(await brokenAccounts(payments)).toEqual([]);

  // The same event with another amount is no news either: what was decided stands, and an operator hears of it.
  const forged = recordOf(payments, { ...paid, amount: 5n });
  await payments.owner.query(sql.unsafe`delete from inbox`);
  expect(await payments.consume([forged])).toMatchObject({ applied: 0, dead: 1 });
  expect(await balanceOf(payments, userId)).toBe(139n);
});
