import { describe, expect, test } from '@jest/globals';
import type { AccountId, EventId, OrderId, TransactionId, UserId } from '@order-payments/kernel/ids.ts';
import fc from 'fast-check';
import type { Account, Payment } from './account.ts';
import { settle, type CreatedOrder, type Settlement } from './settle.ts';

const now = new Date('2026-01-02T03:04:05.678Z');
const earlier = new Date('2026-01-01T00:00:00.000Z');

function account(user: string, balance: bigint, version = 7n): Account {
  return { id: `account of ${user}` as AccountId, userId: user as UserId, balance, version, updatedAt: earlier };
}

function order(id: string, user: string, amount: bigint): CreatedOrder {
  return { eventId: `event of ${id}` as EventId, orderId: id as OrderId, userId: user as UserId, amount };
}

function run(facts: { accounts?: Account[]; payments?: Payment[]; orders: CreatedOrder[] }): Settlement {
  let minted = 0;
  const newTransactionId = (): TransactionId => `transaction ${++minted}` as TransactionId;
  return settle({ accounts: [], payments: [], now, newTransactionId, ...facts });
}

const statuses = ({ outcomes }: Settlement): string[] =>
  outcomes.map((payment) => `${payment.orderId} ${payment.status === 'FAILED' ? payment.reason : payment.status}`);

describe('settle', () => {
  test('an order that fits is debited with the balance after it', () => {
    const settlement = run({ accounts: [account('ann', 1000n)], orders: [order('o1', 'ann', 600n)] });
    expect(settlement.accounts).toEqual([
      { accountId: 'account of ann', expectedVersion: 7n, version: 8n, balance: 400n },
    ]);
    expect(settlement.debits).toEqual([
      {
        id: 'transaction 1',
        type: 'DEBIT',
        accountId: 'account of ann',
        accountVersion: 8n,
        amount: 600n,
        orderId: 'o1',
        balanceAfter: 400n,
        createdAt: now,
      },
    ]);
    expect(settlement.payments).toEqual([
      { orderId: 'o1', userId: 'ann', amount: 600n, createdAt: now, status: 'SUCCEEDED' },
    ]);
    expect(settlement.outcomes).toEqual(settlement.payments);
  });

  test('an order that does not fit consumes nothing, so a later, smaller one may pass', () => {
    const settlement = run({
      accounts: [account('ann', 100n)],
      orders: [order('o1', 'ann', 60n), order('o2', 'ann', 60n), order('o3', 'ann', 40n), order('o4', 'ann', 1n)],
    });
    expect(statuses(settlement)).toEqual([
      'o1 SUCCEEDED',
      'o2 INSUFFICIENT_FUNDS',
      'o3 SUCCEEDED',
      'o4 INSUFFICIENT_FUNDS',
    ]);
    expect(settlement.debits.map(({ balanceAfter }) => balanceAfter)).toEqual([40n, 0n]);
    expect(settlement.accounts).toEqual([
      { accountId: 'account of ann', expectedVersion: 7n, version: 9n, balance: 0n },
    ]);
  });

  test('an order of a user without an account fails', () => {
    const settlement = run({ accounts: [account('ann', 100n)], orders: [order('o1', 'bob', 1n)] });
    expect(statuses(settlement)).toEqual(['o1 ACCOUNT_NOT_FOUND']);
    expect(settlement.debits).toEqual([]);
    expect(settlement.accounts).toEqual([]);
  });

  test('an order that was decided before is told again as it was decided and never debited', () => {
    const decided: Payment = {
      orderId: 'o1' as OrderId,
      userId: 'ann' as UserId,
      amount: 60n,
      createdAt: earlier,
      status: 'SUCCEEDED',
    };
    const refused: Payment = { ...decided, orderId: 'o2' as OrderId, status: 'FAILED', reason: 'INSUFFICIENT_FUNDS' };
    const settlement = run({
      accounts: [account('ann', 1000n)],
      payments: [decided, refused],
      orders: [order('o2', 'ann', 60n), order('o1', 'ann', 60n)],
    });
    expect(settlement).toEqual({ accounts: [], debits: [], payments: [], outcomes: [refused, decided], rejected: [] });
  });

  test.each([
    ['user', order('o1', 'bob', 60n)],
    ['amount', order('o1', 'ann', 61n)],
  ])('an order that was decided with another %s is rejected', (_what, other) => {
    const decided: Payment = {
      orderId: 'o1' as OrderId,
      userId: 'ann' as UserId,
      amount: 60n,
      createdAt: earlier,
      status: 'SUCCEEDED',
    };
    const settlement = run({
      accounts: [account('ann', 1000n), account('bob', 1000n)],
      payments: [decided],
      orders: [other],
    });
    expect(settlement.rejected.map(({ eventId }) => eventId)).toEqual(['event of o1']);
    expect(settlement.outcomes).toEqual([]);
    expect(settlement.debits).toEqual([]);
  });

  test('an order that comes twice in a batch is debited and told once', () => {
    const settlement = run({
      accounts: [account('ann', 1000n)],
      orders: [order('o1', 'ann', 60n), order('o1', 'ann', 60n), order('o1', 'ann', 61n)],
    });
    expect(statuses(settlement)).toEqual(['o1 SUCCEEDED']);
    expect(settlement.accounts[0]?.balance).toBe(940n);
    expect(settlement.rejected).toHaveLength(1);
  });
});

/** What a ledger without batches would do: one order, one look at everything, one write. */
function settleRowAtATime(accounts: Account[], known: Payment[], orders: CreatedOrder[]) {
  const balances = new Map(accounts.map(({ userId, balance }) => [userId, balance]));
  const payments = [...known];
  const statement: string[] = [];
  const rejected: CreatedOrder[] = [];
  for (const order of orders) {
    const { orderId, userId, amount } = order;
    const payment = payments.find((candidate) => candidate.orderId === orderId);
    if (payment) {
      if (payment.userId !== userId || payment.amount !== amount) rejected.push(order);
      continue;
    }
    const balance = balances.get(userId);
    const common = { orderId, userId, amount, createdAt: now };
    if (balance === undefined) payments.push({ ...common, status: 'FAILED', reason: 'ACCOUNT_NOT_FOUND' });
    else if (balance < amount) payments.push({ ...common, status: 'FAILED', reason: 'INSUFFICIENT_FUNDS' });
    else {
      payments.push({ ...common, status: 'SUCCEEDED' });
      balances.set(userId, balance - amount);
      statement.push(`${userId} ${orderId} ${balance - amount}`);
    }
  }
  return { balances, payments: payments.slice(known.length), statement, rejected };
}

// Few users, orders and amounts, so that batches collide on all of them.
const user = fc.constantFrom('ann', 'bob', 'cid', 'dan');
const amount = fc.bigInt({ min: 1n, max: 12n });
const anyOrder = fc
  .tuple(fc.integer({ min: 1, max: 14 }), user, amount)
  .map(([id, ...rest]) => order(`o${id}`, ...rest));
// Most orders say the same whenever they are told.
const steadyOrder = fc
  .integer({ min: 1, max: 40 })
  .map((id) => order(`s${id}`, ['ann', 'bob', 'cid', 'dan'][id % 4] ?? '', BigInt(1 + (id % 11))));
const orders = fc.array(fc.oneof({ weight: 1, arbitrary: anyOrder }, { weight: 4, arbitrary: steadyOrder }), {
  maxLength: 40,
});
const accounts = fc
  .uniqueArray(user, { maxLength: 4 })
  .chain((users) =>
    fc.tuple(...users.map((name) => fc.bigInt({ min: 0n, max: 60n }).map((balance) => account(name, balance)))),
  )
  .map((list) => [...list]);

/** What both have to agree on, as text: a deep comparison of it costs more than the settlement. */
const asText = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner));

function asLedger(actual: Settlement, opened: readonly Account[], known: readonly Payment[]) {
  const userOf = new Map(opened.map(({ id, userId }) => [id, userId]));
  const balances = new Map(opened.map(({ userId, balance }) => [userId, balance]));
  for (const { accountId, balance } of actual.accounts) {
    const userId = userOf.get(accountId);
    if (userId !== undefined) balances.set(userId, balance);
  }
  const recorded = new Map([...known, ...actual.payments].map((payment) => [payment.orderId, payment]));
  return {
    payments: actual.payments,
    rejected: actual.rejected.map(({ eventId }) => eventId),
    statement: actual.debits.map((d) => `${userOf.get(d.accountId)} ${d.orderId} ${d.balanceAfter}`),
    balances: [...balances],
    // Told once each, in the order of their first arrival, as they are recorded.
    told: actual.outcomes.map((payment) => [payment.orderId, recorded.get(payment.orderId) === payment]),
  };
}

function expectedLedger(opened: Account[], known: Payment[], batch: CreatedOrder[]) {
  const { payments, rejected, statement, balances } = settleRowAtATime(opened, known, batch);
  const refused = new Set(rejected);
  const told = new Set(batch.filter((one) => !refused.has(one)).map(({ orderId }) => orderId));
  return {
    payments,
    rejected: rejected.map(({ eventId }) => eventId),
    statement,
    balances: [...balances],
    told: [...told].map((orderId) => [orderId, true]),
  };
}

/** Arrival orders of a batch: it begins at each of its orders in turn, forwards and backwards, until there are enough. */
function arrivalOrders(batch: CreatedOrder[], count: number): CreatedOrder[][] {
  return Array.from({ length: count }, (_, turn) => {
    const start = Math.floor(turn / 2) % Math.max(batch.length, 1);
    const rotated = [...batch.slice(start), ...batch.slice(0, start)];
    return turn % 2 === 0 ? rotated : rotated.reverse();
  });
}

describe('settle against a naive ledger', () => {
  const batches = 2_500;
  const ordersOfEach = 40;

  test(`decides ${(batches * ordersOfEach).toLocaleString('en')} schedules as if each order had been alone`, () => {
    let schedules = 0;
    fc.assert(
      fc.property(accounts, orders, orders, (opened, before, batch) => {
        const known = settleRowAtATime(opened, [], before).payments;
        for (const arrived of arrivalOrders(batch, ordersOfEach)) {
          schedules += 1;
          const actual = asLedger(run({ accounts: opened, payments: known, orders: arrived }), opened, known);
          const expected = expectedLedger(opened, known, arrived);
          if (asText(actual) !== asText(expected)) expect(actual).toEqual(expected);
        }
      }),
      { numRuns: batches },
    );
    expect(schedules).toBe(batches * ordersOfEach);
  });

  test('conserves money and chains each account step by step', () => {
    fc.assert(
      fc.property(accounts, orders, (opened, batch) => {
        const { accounts: changes, debits } = run({ accounts: opened, orders: batch });
        for (const { id, balance, version } of opened) {
          const own = debits.filter(({ accountId }) => accountId === id);
          let left = balance;
          own.forEach((debit, index) => {
            left -= debit.amount;
            expect(debit).toMatchObject({ balanceAfter: left, accountVersion: version + BigInt(index) + 1n });
          });
          expect(left).toBeGreaterThanOrEqual(0n);
          const change = changes.find(({ accountId }) => accountId === id);
          expect(change?.balance ?? balance).toBe(left);
          expect(change?.version ?? version).toBe(version + BigInt(own.length));
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
