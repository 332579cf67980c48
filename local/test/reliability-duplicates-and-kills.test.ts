import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ClientWithHistory } from '../src/test-kit/client-with-history.ts';
import { untilConsumed } from '../src/test-kit/consumer-groups.ts';
import { duplicateRecords } from '../src/test-kit/duplicate-records.ts';
import type { Duplicator } from '../src/test-kit/duplicate-records.ts';
import { eventually } from '../src/test-kit/eventually.ts';
import { connectAsSuperuser, countUnsettled } from '../src/test-kit/money-state.ts';
import type { SuperuserClients } from '../src/test-kit/money-state.ts';
import { checkFromOutside } from '../src/test-kit/outside-checker.ts';
import type { Violation } from '../src/test-kit/outside-checker.ts';
import { reconcile } from '../src/test-kit/run-ops.ts';
import { startServices } from '../src/test-kit/start-services.ts';
import type { TestServices } from '../src/test-kit/start-services.ts';

const MINUTE_MS = 60_000;
const ORDERS = 10_000;
const CONNECTIONS = 64;

// Each is killed when so many orders have been answered.
const killAfter = [
  { part: 'gateway', answered: 1_000 },
  { part: 'outbox-relay-orders', answered: 2_500 },
  { part: 'payments', answered: 4_000 },
  { part: 'orders', answered: 5_500 },
  { part: 'outbox-relay-payments', answered: 7_000 },
];

const users = (count: number): string[] => Array.from({ length: count }, () => randomUUID());
const crowd = { hot: users(5), poor: users(40), rich: users(200), strangers: users(15) };
const accounts = [...crowd.hot, ...crowd.poor, ...crowd.rich];

let services: TestServices;
let client: ClientWithHistory;
let duplicator: Duplicator;
let databases: SuperuserClients;
const pidsSeen = new Map<string, Set<number>>(killAfter.map(({ part }) => [part, new Set()]));
let watch: NodeJS.Timeout;
let answeredOrders = 0;

beforeAll(async () => {
  services = await startServices({ env: { LOG_LEVEL: 'warn' } });
  databases = await connectAsSuperuser(services);
  client = new ClientWithHistory(services.url);
  duplicator = await duplicateRecords(services.surroundings.kafkaBrokers, Object.values(services.topics));
  watch = setInterval(notePids, 20);
}, 2 * MINUTE_MS);

afterAll(async () => {
  clearInterval(watch);
  await duplicator.stop();
  await databases.end();
  await services.stop();
}, MINUTE_MS);

test(
  '10,000 orders with every event delivered twice and each process killed once: all settle, and the money is right',
  async () => {
    await inParallel(accounts, async (userId) => {
      await client.openAccount(userId);
      await client.topUp(userId, crowd.poor.includes(userId) ? 2_000 : 10_000_000);
    });
    await Promise.all([placeOrders(), killEachOnce()]);
    await untilQuiet();

    expect(await statesOfOrders()).toEqual({
      FINISHED: expect.any(Number),
      INSUFFICIENT_FUNDS: expect.any(Number),
      ACCOUNT_NOT_FOUND: ORDERS / 20,
    });
    // Had nothing been interrupted or delivered again, what follows would show nothing.
    for (const topic of Object.values(services.topics)) expect(duplicator.copied(topic)).toBeGreaterThanOrEqual(ORDERS);
    expect(client.history.filter(({ answers }) => answers[0]?.status !== 201).length).toBeGreaterThan(0);
    for (const [part, pids] of pidsSeen) expect({ part, starts: pids.size }).toEqual({ part, starts: 2 });

    await repeatSome();
    expect(await checkFromOutside(databases, client.history)).toEqual([]);
    expect(await reconcile(services)).toMatchObject({ code: 0, out: expect.stringContaining('All is well') });
  },
  5 * MINUTE_MS,
);

// What no service can write, planted by the superuser in a transaction that is rolled back: the data at rest are the copy.
const finished = `(select id from orders where status = 'FINISHED' order by id limit 1)`;
const aDebit = `(select * from transactions where type = 'DEBIT' order by id limit 1)`;
test.each<{ what: string; database: 'orders' | 'payments'; sql: string; invariant: Violation['invariant'] }>([
  {
    what: 'money made from nothing',
    database: 'payments',
    sql: `update accounts set balance = balance + 1 where user_id = '${crowd.hot[0]}'`,
    invariant: 'I1',
  },
  {
    what: 'a second debit that the balance agrees with',
    database: 'payments',
    sql: `drop index transactions_one_debit_an_order;
      with debit as ${aDebit}, account as (
        update accounts set balance = balance - amount, version = accounts.version + 1
        from debit where accounts.id = account_id returning accounts.id, balance, version)
      insert into transactions
        (id, account_id, account_version, type, amount, reference_order_id, balance_after, created_at)
      select gen_random_uuid(), account_id, account.version, 'DEBIT', amount, reference_order_id, balance, created_at
      from debit join account on account.id = account_id`,
    invariant: 'I2',
  },
  {
    what: 'a paid order that became canceled',
    database: 'orders',
    sql: `update orders set status = 'CANCELED', cancel_reason = 'INSUFFICIENT_FUNDS' where id = ${finished}`,
    invariant: 'I3',
  },
  {
    what: 'an acknowledged order that is gone',
    database: 'orders',
    sql: `delete from orders where id = ${finished}`,
    invariant: 'I5',
  },
  {
    what: 'a second order for one request',
    database: 'orders',
    sql: `drop index orders_idempotency_key;
      insert into orders (id, user_id, amount, description, status, idempotency_key, created_at, settled_at)
      select gen_random_uuid(), user_id, amount, description, status, idempotency_key, created_at, settled_at
      from orders where id = ${finished}`,
    invariant: 'I7',
  },
])('the outside checker finds $what', async ({ database, sql, invariant }) => {
  await databases[database].query('begin');
  try {
    await databases[database].query(sql);
    const found = await checkFromOutside(databases, client.history);
    expect(found.map((violation) => violation.invariant)).toContain(invariant);
  } finally {
    await databases[database].query('rollback');
  }
});

/** One in five orders of a hot account, three in twenty of someone short of money, one in twenty of someone without an account. */
async function placeOrders(): Promise<void> {
  await inParallel(
    Array.from({ length: ORDERS }, (_, i) => i),
    async (i) => {
      const kind = i % 20;
      const group = kind < 4 ? crowd.hot : kind < 7 ? crowd.poor : kind === 7 ? crowd.strangers : crowd.rich;
      const userId = group[Math.floor(i / 20) % group.length] ?? '';
      await client.order({ userId, amount: 1 + ((i * 37) % 500), description: `order ${i}` });
      answeredOrders += 1;
      // Money comes in while orders take it.
      if (kind === 6) await client.topUp(userId, 100);
    },
  );
}

async function killEachOnce(): Promise<void> {
  for (const { part, answered } of killAfter) {
    while (answeredOrders < answered) await sleep(5);
    services.part(part).kill('SIGKILL');
  }
  expect(answeredOrders).toBeLessThan(ORDERS);
}

function notePids(): void {
  for (const [part, pids] of pidsSeen) {
    const pid = services.part(part).pid();
    if (pid !== undefined) pids.add(pid);
  }
}

/** Until every order is settled, every record was delivered twice, and every record was consumed. */
async function untilQuiet(): Promise<void> {
  const { kafkaBrokers, consumerGroups } = services.surroundings;
  await eventually(async () => expect(await countUnsettled(databases)).toBe(0), { timeoutMs: MINUTE_MS });
  await duplicator.untilAllCopied(MINUTE_MS);
  const { orders, payments } = services.topics;
  await untilConsumed(kafkaBrokers, { groupId: consumerGroups.payments, topic: orders }, MINUTE_MS);
  await untilConsumed(kafkaBrokers, { groupId: consumerGroups.orders, topic: payments }, MINUTE_MS);
}

/** Keys that were answered long ago answer the same. */
async function repeatSome(): Promise<void> {
  await inParallel(
    client.history.filter((_, i) => i % 20 === 0),
    async (wish) => {
      await client.repeat(wish);
    },
  );
}

async function statesOfOrders(): Promise<Record<string, number>> {
  const { rows } = await databases.orders.query<{ state: string; count: number }>(
    'select coalesce(cancel_reason, status) as state, count(*)::int as count from orders group by 1',
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const next = items.values();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      for (const item of next) await work(item);
    }),
  );
}
