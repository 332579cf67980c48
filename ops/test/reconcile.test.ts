import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventIdOf, newOrderId } from '@order-payments/kernel/ids.ts';
import { sql } from '@order-payments/platform/db/pool.ts';
import { sqlStateOf } from '@order-payments/platform/db/sql-state.ts';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { reconcile, type Reconciliation } from '../src/commands/reconciliation.ts';
import { withDatabases } from '../src/databases.ts';
import { invariantNames, type Invariant } from '../src/domain/invariants.ts';
import { seed, type Seeded } from './support/seed.ts';
import { createTwoDatabases, ops, type TwoDatabases } from './support/two-databases.ts';

let databases: TwoDatabases;
let seeded: Seeded;

beforeEach(async () => {
  databases = await createTwoDatabases();
  seeded = await seed(databases.orders, databases.payments, 100);
}, 60_000);
afterEach(async () => {
  await databases.drop();
});

interface Plant {
  readonly name: string;
  readonly invariant: Invariant;
  /** Plants it and says what the report must name. */
  plant(at: TwoDatabases, past: Seeded): Promise<string>;
}

const plants: readonly Plant[] = [
  {
    name: 'a balance that is off by one',
    invariant: 'I1',
    async plant({ payments }, { accounts: [account] }) {
      await payments.query('update accounts set balance = balance + 1 where id = $1', [account?.id]);
      return account?.id ?? '';
    },
  },
  {
    name: 'balances that do not chain though their sum is right',
    invariant: 'I1',
    async plant({ payments }, { accounts: [account] }) {
      await payments.query(
        'update transactions set balance_after = balance_after + 1 where account_id = $1 and account_version = 3',
        [account?.id],
      );
      return account?.id ?? '';
    },
  },
  {
    name: 'a second debit',
    invariant: 'I2',
    async plant({ payments }, { finished }) {
      await payments.query('drop index transactions_one_debit_an_order');
      await payments.query(
        `insert into transactions (id, account_id, account_version, type, amount, reference_order_id, balance_after, created_at)
         select $2, account_id, 1000, type, amount, reference_order_id, balance_after, now() from transactions where reference_order_id = $1`,
        [finished.id, randomUUID()],
      );
      return finished.id;
    },
  },
  {
    name: 'a debit of another amount',
    invariant: 'I2',
    async plant({ payments }, { finished }) {
      await payments.query('update transactions set amount = amount + 1 where reference_order_id = $1', [finished.id]);
      return finished.id;
    },
  },
  {
    name: "a debit from another user's account",
    invariant: 'I2',
    async plant({ payments }, { finished, accounts }) {
      const other = accounts.find(({ userId }) => userId !== finished.userId);
      await payments.query(
        'update transactions set account_id = $2, account_version = 1000 where reference_order_id = $1',
        [finished.id, other?.id],
      );
      return finished.id;
    },
  },
  {
    name: 'a debit without an order',
    invariant: 'I2',
    async plant({ payments }, { finished }) {
      const orderId = newOrderId();
      await payments.query('update transactions set reference_order_id = $2 where reference_order_id = $1', [
        finished.id,
        orderId,
      ]);
      return orderId;
    },
  },
  {
    name: 'FINISHED without a debit',
    invariant: 'I3',
    async plant({ payments }, { finished }) {
      await payments.query('delete from transactions where reference_order_id = $1', [finished.id]);
      return finished.id;
    },
  },
  {
    name: 'CANCELED with a debit',
    invariant: 'I3',
    async plant({ orders }, { finished }) {
      await orders.query("update orders set status = 'CANCELED', cancel_reason = 'INSUFFICIENT_FUNDS' where id = $1", [
        finished.id,
      ]);
      return finished.id;
    },
  },
  {
    name: 'CANCELED that Payments never decided',
    invariant: 'I3',
    async plant({ payments }, { canceled }) {
      await payments.query('delete from payments where order_id = $1', [canceled.id]);
      return canceled.id;
    },
  },
  {
    name: 'a payment without an order',
    invariant: 'I3',
    async plant({ orders }, { canceled }) {
      await orders.query('delete from orders where id = $1', [canceled.id]);
      return canceled.id;
    },
  },
  {
    name: 'an order that is NEW for long',
    invariant: 'I4',
    async plant({ orders }, { orders: all }) {
      const last = all.at(-1);
      await orders.query("update orders set created_at = now() - interval '2 minutes' where id = $1", [last?.id]);
      return last?.id ?? '';
    },
  },
  {
    name: "Orders' inbox that is lost whole",
    invariant: 'I6',
    async plant({ orders }) {
      await orders.query('delete from inbox');
      return "is not in Orders' inbox";
    },
  },
  {
    name: "an order's event that is missing in Payments' inbox",
    invariant: 'I6',
    async plant({ payments }, { finished }) {
      await payments.query('delete from inbox where event_id = $1', [eventIdOf(finished.id, 'OrderCreated')]);
      return finished.id;
    },
  },
  {
    name: "an outcome that is missing in Orders' inbox",
    invariant: 'I6',
    async plant({ orders }, { canceled }) {
      await orders.query('delete from inbox where event_id = $1', [eventIdOf(canceled.id, 'PaymentFailed')]);
      return canceled.id;
    },
  },
  {
    name: 'an event that the relay does not publish',
    invariant: 'I6',
    async plant({ orders }) {
      await orders.query(
        `insert into outbox (event_id, topic, key, payload, created_at)
         values ($1, 'orders.events', 'key', 'payload', now() - interval '2 minutes')`,
        [randomUUID()],
      );
      return 'outbox of orders';
    },
  },
];

test('a healthy past is well, and every part of it was looked at', async () => {
  const { code, out } = await databases.ops('reconcile', '--json');
  const report = JSON.parse(out) as {
    ok: boolean;
    invariants: Array<{ invariant: string; checked: number; violations: number }>;
  };
  const settled = seeded.orders.filter(({ status }) => status !== 'NEW').length;
  const paid = seeded.orders.filter(({ status }) => status === 'FINISHED').length;
  expect(report.invariants.map(({ invariant, checked, violations }) => [invariant, checked, violations])).toEqual([
    ['I1', seeded.accounts.length, 0],
    ['I2', paid, 0],
    ['I3', settled, 0],
    ['I4', seeded.orders.length, 0],
    ['I6', settled * 2, 0],
  ]);
  expect([code, report.ok]).toEqual([0, true]);
});

test('an empty platform is well', async () => {
  const empty = await createTwoDatabases();
  const { code, out } = await empty.ops('reconcile');
  await empty.drop();
  expect(out).toContain('All is well');
  expect(code).toBe(0);
});

test.each(plants)('$invariant finds $name and names it', async ({ invariant, plant }) => {
  const subject = await plant(databases, seeded);
  const { code, out } = await databases.ops('reconcile', '--pause', '0');
  expect(code).toBe(1);
  const [, section = ''] = out.split(`\n${invariant}: `);
  expect(section.split('\n\n')[0]).toContain(subject);
});

test('the command is a process whose exit code says what was found, and whose output is whole', async () => {
  const run = async () => {
    const { ORDERS_DATABASE_URL, PAYMENTS_DATABASE_URL } = databases.environment;
    const child = spawn(
      process.execPath,
      [
        fileURLToPath(new URL('../src/main.ts', import.meta.url)),
        'reconcile',
        '--json',
        '--pause',
        '0',
        '--examples',
        '1000',
      ],
      {
        env: { ORDERS_DATABASE_URL, PAYMENTS_DATABASE_URL, NODE_NO_WARNINGS: '1' },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const [out, exit] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    return { code: exit[0] as unknown, report: JSON.parse(out) as { invariants: Array<{ examples: unknown[] }> } };
  };
  expect((await run()).code).toBe(0);
  await databases.orders.query("delete from orders where status = 'FINISHED'");
  const { code, report } = await run();
  expect(code).toBe(1);
  expect(report.invariants[1]?.examples).toHaveLength(
    seeded.orders.filter(({ status }) => status === 'FINISHED').length,
  );
});

describe('while the platform works', () => {
  async function reconcileWith(options: {
    pause?: () => Promise<void>;
    pageSize?: number;
    suspectsMax?: number;
  }): Promise<Reconciliation> {
    return await withDatabases(databases.config, 'read-only', (both) =>
      reconcile(both, {
        settleWithinSeconds: 60,
        pause: async () => {},
        examplesMax: 1_000,
        pageSize: 5_000,
        suspectsMax: 100_000,
        onProgress: () => {},
        ...options,
      }),
    );
  }
  const violationsOf = ({ findings }: Reconciliation): string[] =>
    invariantNames.flatMap((name) => findings[name].examples.map(({ subject }) => `${name} ${subject}`)).sort();

  test('a difference that heals between the looks is not reported, and one that stays is', async () => {
    const { finished, canceled } = seeded;
    await databases.payments.query('update accounts set balance = balance + 1');
    await databases.orders.query("update orders set created_at = now() - interval '2 minutes' where status = 'NEW'");
    await databases.payments.query('delete from inbox where event_id = $1', [eventIdOf(finished.id, 'OrderCreated')]);
    await databases.payments.query('delete from payments where order_id = $1', [canceled.id]);
    let looks = 0;
    const report = await reconcileWith({
      pause: async () => {
        looks += 1;
        await databases.payments.query('update accounts set balance = balance - 1');
        await databases.orders.query("update orders set created_at = now() where status = 'NEW'");
        await databases.payments.query(
          "insert into dead_letters (topic, partition, record_offset, headers, event_id, why) values ('orders.events', 0, 0, '{}', $1, 'found after all')",
          [eventIdOf(finished.id, 'OrderCreated')],
        );
      },
    });
    expect(looks).toBe(1);
    expect(violationsOf(report)).toEqual([`I3 ${canceled.id}`]);
  });

  /** How far a service says that it may have pruned, measured from the seeded orders' time. */
  const writeHorizon = async (service: 'orders' | 'payments', sinceOrders: string): Promise<unknown> =>
    await databases[service].query(
      `insert into retention (table_name, forgotten_before, started_at)
       select 'inbox', percentile_disc(0.5) within group (order by received_at) + $1::interval, now() from inbox`,
      [sinceOrders],
    );
  // As the services prune: in the order on disk, so that older rows may be there yet.
  const losePartOfInboxes = async (): Promise<void> => {
    for (const service of ['orders', 'payments'] as const)
      await databases[service].query('delete from inbox where record_offset % 3 > 0');
  };

  test.each([
    ['what may have been pruned is not missing', { orders: '30 minutes', payments: '30 minutes' }, []],
    ['nor is it by another clock', { orders: '-30 seconds', payments: '-30 seconds' }, []],
    ['what is younger is', { orders: '-5 minutes', payments: '-5 minutes' }, ["Orders' inbox", "Payments' inbox"]],
    ['each inbox has its own retention', { orders: '30 minutes', payments: '-5 minutes' }, ["Payments' inbox"]],
  ])('%s', async (_what, horizons, missing) => {
    await writeHorizon('orders', horizons.orders);
    await writeHorizon('payments', horizons.payments);
    await losePartOfInboxes();
    const { findings } = await reconcileWith({});
    const whats = findings.I6.examples.map(({ what }) => what).join();
    expect(["Orders' inbox", "Payments' inbox"].filter((inbox) => whats.includes(inbox))).toEqual(missing);
  });

  test('what is pruned between the looks is not missing', async () => {
    await losePartOfInboxes();
    const report = await reconcileWith({
      pause: async () => {
        await writeHorizon('orders', '1 minute');
        await writeHorizon('payments', '1 minute');
      },
    });
    expect(violationsOf(report)).toEqual([]);
  });

  test('small pages and a small memory for suspects find the same', async () => {
    await databases.orders.query("update orders set created_at = now() - interval '2 minutes' where status = 'NEW'");
    await databases.orders.query("delete from orders where status = 'CANCELED'");
    await databases.payments.query("delete from transactions where type = 'DEBIT' and amount between 20 and 40");
    await databases.payments.query('delete from inbox');
    const whole = await reconcileWith({});
    const small = await reconcileWith({ pageSize: 3, suspectsMax: 2 });
    expect(violationsOf(whole).length).toBeGreaterThan(40);
    expect(violationsOf(small)).toEqual(violationsOf(whole));
    expect(small.checked).toEqual(whole.checked);
  });

  test('two debits of one order are not parted by the end of a page', async () => {
    await databases.payments.query('drop index transactions_one_debit_an_order');
    await databases.payments.query(
      `insert into transactions (id, account_id, account_version, type, amount, reference_order_id, balance_after, created_at)
       select gen_random_uuid(), account_id, account_version + 1000, type, amount, reference_order_id, balance_after, now()
       from transactions where type = 'DEBIT'`,
    );
    // Every third order keeps its payment: the page must not run ahead to those and leave out what lies between.
    await databases.payments.query(
      'delete from payments where order_id not in (select order_id from (select order_id, row_number() over (order by order_id) as number from payments) as numbered where number % 3 = 0)',
    );
    const paid = seeded.orders.filter(({ status }) => status === 'FINISHED').length;
    for (const pageSize of [1, 2, 5_000]) expect((await reconcileWith({ pageSize })).findings.I2.violations).toBe(paid);
  });

  test('the server refuses a write in a session that only reads', async () => {
    const error: unknown = await withDatabases(databases.config, 'read-only', ({ orders }) =>
      orders.query(sql.unsafe`update dead_letters set state = 'DISCARDED'`),
    ).catch((caught: unknown) => caught);
    expect(sqlStateOf(error)).toBe('25006');
  });
});

test('what cannot run says what to do and exits with 2', async () => {
  const nowhere = await ops(['reconcile'], {
    ORDERS_DATABASE_URL: 'postgres://orders_ops:local@127.0.0.1:1/orders',
    PAYMENTS_DATABASE_URL: databases.config.databaseUrls.payments,
  });
  expect(nowhere.code).toBe(2);
  expect(nowhere.err).toContain('npm start, or set ORDERS_DATABASE_URL');

  const wrongDatabase = await ops(['reconcile'], {
    ORDERS_DATABASE_URL: databases.config.databaseUrls.payments,
    PAYMENTS_DATABASE_URL: databases.config.databaseUrls.payments,
  });
  expect(wrongDatabase.code).toBe(2);
  expect(wrongDatabase.err).toContain('run the migrations');
});

test.each([
  [['reconcil'], 'it is one of reconcile'],
  [['reconcile', '--puase', '1'], '--puase'],
  [['reconcile', '--pause', 'soon'], '--pause must be a number of seconds'],
  [['reconcile', '--examples', '0'], '--examples must be a whole number'],
  [['reconcile', 'now'], 'takes no "now"'],
])('%j is a usage error', async (args, message) => {
  const { code, err, out } = await databases.ops(...args);
  expect(err).toContain(message);
  expect([code, out]).toEqual([2, '']);
});

test.each([[['--help']], [['reconcile', '--help']], [['dead-letters', 'redrive', '-h']], [['timeline', '--help']]])(
  '%j explains itself',
  async (args) => {
    const { code, out } = await databases.ops(...args);
    expect(out).toContain('npm run ops -- ');
    expect(code).toBe(0);
  },
);
