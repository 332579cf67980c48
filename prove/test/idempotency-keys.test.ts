import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { UserId } from '@order-payments/kernel/ids.ts';
import fc from 'fast-check';
import {
  newUserId,
  openOrdersDatabase,
  soon,
  type OrdersDatabase,
} from '../../services/orders/test/orders-database.ts';
import { openPaymentsDatabase, type PaymentsDatabase } from '../../services/payments/test/payments-database.ts';
import { topUpAccount } from '../../services/payments/src/commands/top-up-account.ts';

let orders: OrdersDatabase;
let payments: PaymentsDatabase;
beforeAll(async () => {
  [orders, payments] = await Promise.all([openOrdersDatabase(), openPaymentsDatabase()]);
});
afterAll(async () => {
  await Promise.all([orders.end(), payments.end()]);
});

interface Call {
  readonly user: number;
  readonly key: string | undefined;
  readonly amount: bigint;
}

interface Told {
  readonly call: Call;
  /** Undefined: the key was refused for this body. */
  readonly id: string | undefined;
}

const call: fc.Arbitrary<Call> = fc.record({
  user: fc.nat(1),
  key: fc.constantFrom(undefined, 'once', 'twice'),
  amount: fc.constantFrom(1n, 2n),
});
// Calls of one round are concurrent twins; those of the next come when all of them were answered.
const rounds = fc.array(fc.array(call, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 3 });
const limits = fc.record({ slots: fc.integer({ min: 1, max: 3 }), batchSizeMax: fc.integer({ min: 1, max: 5 }) });

async function playRounds(plan: readonly Call[][], attempt: (one: Call) => Promise<string>): Promise<Told[]> {
  const told: Told[] = [];
  for (const round of plan) {
    const answers = round.map(async (one): Promise<Told> => {
      const id = await attempt(one).catch((error: unknown) => {
        if ((error as { code?: unknown }).code !== 'IDEMPOTENCY_KEY_REUSED') throw error;
        return undefined;
      });
      return { call: one, id };
    });
    told.push(...(await Promise.all(answers)));
  }
  return told;
}

/** One key of one user is one body and one id; without a key each call is a thing of its own. */
function judge(told: readonly Told[]): void {
  for (const same of Map.groupBy(told, ({ call: { user, key } }) => `${user} ${key}`).values()) {
    const accepted = same.filter(({ id }) => id !== undefined);
    if (same[0]?.call.key === undefined) {
      expect(new Set(accepted.map(({ id }) => id)).size).toBe(same.length);
      continue;
    }
    expect(new Set(accepted.map(({ id }) => id)).size).toBe(1);
    expect(new Set(accepted.map(({ call: { amount } }) => amount)).size).toBe(1);
    for (const { call: one, id } of same) expect(id !== undefined).toBe(one.amount === accepted[0]?.call.amount);
  }
}

describe('whatever calls meet', () => {
  test('one key of a user makes one order, of one body, and every call with them is told so', async () => {
    const property = fc.asyncProperty(rounds, limits, async (plan, { slots, batchSizeMax }) => {
      const users = [newUserId(), newUserId()];
      const createOrder = orders.prepareCreateOrder(orders.database, { slots, batchSizeMax, lengthMax: 100 });
      const told = await playRounds(plan, async ({ user, key, amount }) => {
        const request = { userId: users[user] as UserId, amount, description: 'books', idempotencyKey: key };
        return (await createOrder(request, soon())).id;
      });
      judge(told);
    });
    await fc.assert(property, { numRuns: 300 });
  });

  test('one key of an account makes one credit, of one amount, and every call with them is told so', async () => {
    const property = fc.asyncProperty(rounds, async (plan) => {
      const users = [await payments.openAccount(0n), await payments.openAccount(0n)];
      const told = await playRounds(plan, async ({ user, key, amount }) => {
        const request = { userId: users[user] as UserId, amount, idempotencyKey: key, deadlineMs: soon() };
        return (await topUpAccount(payments.database, request)).id;
      });
      judge(told);
    });
    await fc.assert(property, { numRuns: 150 });
  });
});
