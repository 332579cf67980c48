import { newAccountId } from '@order-payments/kernel/ids.ts';
import { moneyMax } from '@order-payments/kernel/money.ts';
import { eventually } from '@order-payments/local/test-kit/eventually.ts';
import { openLossyLink, type LossyLink } from '@order-payments/local/test-kit/lossy-link.ts';
import { createPool, sql, type Database } from '@order-payments/platform/db/pool.ts';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { createAccount } from '../src/commands/create-account.ts';
import { listTransactions } from '../src/commands/list-transactions.ts';
import { topUpAccount } from '../src/commands/top-up-account.ts';
import type { Transaction } from '../src/domain/account.ts';
import { insertAccount } from '../src/store/accounts.ts';
import {
  balanceOf,
  brokenAccounts,
  newOrder,
  newUserId,
  openPaymentsDatabase,
  recordOf,
  soon,
  type PaymentsDatabase,
} from './payments-database.ts';

let payments: PaymentsDatabase;
let link: LossyLink;
let farDatabase: Database;
beforeAll(async () => {
  payments = await openPaymentsDatabase();
  const url = new URL(payments.databaseUrl('service'));
  link = await openLossyLink(Number(url.port));
  url.port = String(link.port);
  farDatabase = await createPool({ url: url.href, applicationName: 'payments-test', size: 2 });
});
afterAll(async () => {
  await farDatabase.end();
  await link.close();
  await payments.end();
});
afterEach(async () => {
  expect(await brokenAccounts(payments)).toEqual([]);
});

type TopUpRequest = Parameters<typeof topUpAccount>[1];

async function topUp(request: Partial<TopUpRequest> & Pick<TopUpRequest, 'userId' | 'amount'>): Promise<Transaction> {
  return await topUpAccount(payments.database, { idempotencyKey: undefined, deadlineMs: soon(), ...request });
}

/** Lets no one at the table of accounts until it is opened. */
async function holdAccounts(): Promise<{ open(): Promise<void> }> {
  const held = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const holding = payments.owner.transaction(async (transaction) => {
    await transaction.query(sql.unsafe`lock table accounts in access exclusive mode`);
    held.resolve();
    await release.promise;
  });
  await held.promise;
  return {
    open: async () => {
      release.resolve();
      await holding;
    },
  };
}

async function waitingForAccounts(sessions: number): Promise<void> {
  await eventually(
    async () =>
      expect(
        await payments.owner.oneFirst(
          sql.type(z.object({ count: z.bigint() }))`
            select count(*) from pg_locks where relation = 'accounts'::regclass and not granted`,
        ),
      ).toBe(BigInt(sessions)),
    { timeoutMs: 5_000 },
  );
}

describe('a top-up', () => {
  test('credits the account and answers with the balance after it', async () => {
    const userId = await payments.openAccount(0n);
    expect(await topUp({ userId, amount: 1_000n })).toMatchObject({
      type: 'CREDIT',
      amount: 1_000n,
      balanceAfter: 1_000n,
    });
    expect(await topUp({ userId, amount: 1n })).toMatchObject({ balanceAfter: 1_001n });
    expect(await balanceOf(payments, userId)).toBe(1_001n);
  });

  test('with a known key and the same amount answers with the same transaction', async () => {
    const userId = await payments.openAccount(0n);
    const first = await topUp({ userId, amount: 5n, idempotencyKey: 'k' });
    await topUp({ userId, amount: 9n });
    expect(await topUp({ userId, amount: 5n, idempotencyKey: 'k' })).toEqual(first);
    expect(await balanceOf(payments, userId)).toBe(14n);
  });

  test('with a known key and another amount is refused', async () => {
    const userId = await payments.openAccount(0n);
    await topUp({ userId, amount: 5n, idempotencyKey: 'k' });
    await expect(topUp({ userId, amount: 6n, idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
    expect(await balanceOf(payments, userId)).toBe(5n);
  });

  test('may use a key that another account has used', async () => {
    const [one, other] = [await payments.openAccount(0n), await payments.openAccount(0n)];
    await topUp({ userId: one, amount: 5n, idempotencyKey: 'k' });
    expect(await topUp({ userId: other, amount: 6n, idempotencyKey: 'k' })).toMatchObject({ balanceAfter: 6n });
  });

  test('of a user without an account is refused and consumes no key', async () => {
    const userId = newUserId();
    await expect(topUp({ userId, amount: 5n, idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'ACCOUNT_NOT_FOUND',
    });
    await createAccount(payments.database, { userId, deadlineMs: soon() });
    expect(await topUp({ userId, amount: 6n, idempotencyKey: 'k' })).toMatchObject({ balanceAfter: 6n });
  });

  test('beyond the largest balance is refused and consumes no key; one that reaches it exactly is not', async () => {
    const userId = await payments.openAccount(10n);
    await expect(topUp({ userId, amount: moneyMax - 9n, idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'BALANCE_LIMIT_EXCEEDED',
    });
    expect(await balanceOf(payments, userId)).toBe(10n);
    await payments.consume([recordOf(payments, newOrder(userId, 1n))]);
    expect(await topUp({ userId, amount: moneyMax - 9n, idempotencyKey: 'k' })).toMatchObject({
      balanceAfter: moneyMax,
    });
    // The replay is answered though the account has no room for it any more.
    expect(await topUp({ userId, amount: moneyMax - 9n, idempotencyKey: 'k' })).toMatchObject({
      balanceAfter: moneyMax,
    });
    await expect(topUp({ userId, amount: moneyMax })).rejects.toMatchObject({ code: 'BALANCE_LIMIT_EXCEEDED' });
  });

  test('that finds no account, and then one that was opened meanwhile, is credited and not called too large', async () => {
    for (const idempotencyKey of [undefined, 'k']) {
      const userId = newUserId();
      // PostgreSQL grants a table's lock in the order in which it was asked for: the top-up's first statement, then the
      // account, and then the top-up's next look.
      const gate = await holdAccounts();
      const credited = topUp({ userId, amount: 1n, idempotencyKey });
      await waitingForAccounts(1);
      const opened = payments.owner.transaction(async (transaction) => {
        await transaction.query(sql.unsafe`lock table accounts in access exclusive mode`);
        await insertAccount(transaction, { id: newAccountId(), userId, now: new Date() });
      });
      await waitingForAccounts(2);
      await gate.open();
      expect(await credited).toMatchObject({ amount: 1n, balanceAfter: 1n });
      await opened;
      expect(await balanceOf(payments, userId)).toBe(1n);
    }
  });

  test('storm: 20 keys, 25 calls each, make 20 transactions and one answer a key', async () => {
    const userId = await payments.openAccount(0n);
    const calls = Array.from({ length: 500 }, (_, index) => `key ${index % 20}`);
    const answers = await Promise.all(
      calls.map(async (idempotencyKey) => await topUp({ userId, amount: 3n, idempotencyKey })),
    );
    const idsByKey = Map.groupBy(answers.keys(), (index) => calls[index]);
    for (const indexes of idsByKey.values()) expect(new Set(indexes.map((index) => answers[index]?.id)).size).toBe(1);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(20);
    expect(await balanceOf(payments, userId)).toBe(60n);
  });
});

describe('an answer of the database that is lost', () => {
  test('makes a top-up without a key neither fail nor credit twice', async () => {
    const userId = await payments.openAccount(0n);
    link.loseAnswersTo('insert into transactions');
    const answer = await topUpAccount(farDatabase, {
      userId,
      amount: 5n,
      idempotencyKey: undefined,
      deadlineMs: soon(),
    });
    expect(link.lost()).toBe(1);
    expect(answer).toMatchObject({ amount: 5n, balanceAfter: 5n });
    expect(await balanceOf(payments, userId)).toBe(5n);
  });

  test('makes a new account neither fail nor look like one that was there', async () => {
    const userId = newUserId();
    link.loseAnswersTo('insert into accounts');
    const account = await createAccount(farDatabase, { userId, deadlineMs: soon() });
    expect(link.lost()).toBe(2);
    expect(account.userId).toBe(userId);
    await expect(createAccount(farDatabase, { userId, deadlineMs: soon() })).rejects.toMatchObject({
      code: 'ACCOUNT_ALREADY_EXISTS',
    });
  });
});

test('fifty calls that open the same account open one', async () => {
  const userId = newUserId();
  const answers = await Promise.allSettled(
    Array.from({ length: 50 }, async () => await createAccount(payments.database, { userId, deadlineMs: soon() })),
  );
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const answer of answers)
    if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'ACCOUNT_ALREADY_EXISTS' });
});

describe('the statement', () => {
  test('pages each transaction once, newest first, with balances that chain, while new ones arrive', async () => {
    const userId = await payments.openAccount(0n);
    await Promise.all(Array.from({ length: 30 }, async () => await topUp({ userId, amount: 10n })));
    await payments.consume(Array.from({ length: 20 }, () => recordOf(payments, newOrder(userId, 4n))));
    const seen: Transaction[] = [];
    let cursor: string | undefined;
    do {
      const page = await listTransactions(payments.database, { userId, pageSize: 7, cursor });
      seen.push(...page.transactions);
      cursor = page.nextCursor;
      await topUp({ userId, amount: 1n });
    } while (cursor !== undefined);
    expect(seen.map(({ accountVersion }) => Number(accountVersion))).toEqual(
      Array.from({ length: 50 }, (_, n) => 50 - n),
    );
    seen.forEach((transaction, index) => {
      const before = seen[index + 1]?.balanceAfter ?? 0n;
      const change = transaction.type === 'CREDIT' ? transaction.amount : -transaction.amount;
      expect(transaction.balanceAfter).toBe(before + change);
    });
  });

  test('of one account refuses the cursor of another, and what is no cursor', async () => {
    const [one, other] = [await payments.openAccount(1n), await payments.openAccount(1n)];
    await topUp({ userId: one, amount: 1n });
    const { nextCursor } = await listTransactions(payments.database, { userId: one, pageSize: 1, cursor: undefined });
    expect(nextCursor).toBeDefined();
    for (const cursor of [nextCursor, 'x', '']) {
      await expect(listTransactions(payments.database, { userId: other, pageSize: 1, cursor })).rejects.toMatchObject({
        code: 'INVALID_CURSOR',
      });
    }
  });
});
