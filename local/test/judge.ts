import { expect } from '@jest/globals';
import pg from 'pg';
import { eventually } from '../src/test-kit/eventually.ts';
import { checkFromOutside } from '../src/test-kit/outside-checker.ts';
import { reconcile } from '../src/test-kit/run-ops.ts';
import type { Operated } from '../src/test-kit/run-ops.ts';
import type { Shoppers } from './shoppers.ts';

// The broker gives up a dead member of a group after 10 s, and what it held is then taken up by another.
const SETTLE_TIMEOUT_MS = 40_000;

/** What the platform owes its clients at rest: each order settled, each answer kept, each balance exact. */
export async function expectAllRight(
  services: Operated<'ops' | 'superuser'> & { readonly url: string },
  shoppers: Shoppers,
): Promise<void> {
  const orders = await connect(services.databases.orders.urls.superuser);
  const payments = await connect(services.databases.payments.urls.superuser);
  try {
    await untilSettled(orders);
    const { history } = shoppers.client;
    // Anything else than "not now" to a good request would be a lie or a defect.
    const answers = new Set(history.flatMap((wish) => wish.answers.map(({ status }) => status)));
    expect([...answers].filter((status) => ![201, 503, 504, undefined].includes(status))).toEqual([]);
    expect(await checkFromOutside({ orders, payments }, history)).toEqual([]);
    expect(await balances(services.url, shoppers.users)).toEqual(shoppers.balances());
    expect(await reconcile(services)).toMatchObject({ code: 0, out: expect.stringContaining('All is well') });
  } finally {
    await Promise.all([orders.end(), payments.end()]);
  }
}

export async function untilSettled(orders: pg.Client): Promise<void> {
  const unsettled = `select count(*)::int as count from orders where status = 'NEW'`;
  await eventually(async () => expect((await orders.query(unsettled)).rows).toEqual([{ count: 0 }]), {
    timeoutMs: SETTLE_TIMEOUT_MS,
  });
}

async function balances(url: string, users: readonly string[]): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  for (const userId of users) {
    // Whoever was just started again may have connections to open yet, and says so.
    const account = await eventually(
      async () => {
        const response = await fetch(`${url}/accounts/${userId}`);
        if (response.status !== 200) throw new Error(`The balance of ${userId} was answered ${response.status}.`);
        return (await response.json()) as { balance: number };
      },
      { timeoutMs: 10_000 },
    );
    seen.set(userId, account.balance);
  }
  return seen;
}

export async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  // A test that failed may leave it open when its database goes.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
