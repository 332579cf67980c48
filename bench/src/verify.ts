import { setTimeout as sleep } from 'node:timers/promises';
import { databaseUrl } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { runOps } from '@order-payments/local/test-kit/run-ops.ts';
import type { Sales } from './load/shop.ts';
import { CorrectnessError } from './measure.ts';
import { HANG_MS } from './progress.ts';
import type { Rig } from './rig.ts';

/** What a gateway on a crowded machine may say, truthfully: nothing of it says that the order is not there. */
export const SHORT_OF_TIME_OR_ROOM = ['408', '503', '504'];

/**
 * The reconciliation after clients were served, and so many `others` ordered without them: waits until all is at rest, whatever
 * the clients were told. What was answered 201 has to be there; what was not may be there, and is an order like any other then.
 */
export async function expectSold(rig: Rig, sales: readonly Sales[], others = 0): Promise<void> {
  await untilAtRest(rig);
  const there = async (keys: readonly string[]): Promise<number> => {
    const { rowCount } = await rig.orders.query('select from orders where idempotency_key = any($1)', [keys]);
    return rowCount ?? 0;
  };
  const accepted = sales.flatMap((each) => each.accepted);
  const kept = await there(accepted);
  const keptUnanswered = await there(sales.flatMap((each) => each.doubtful));
  const wrong = sales.flatMap(({ refused }) =>
    Object.keys(refused).filter((status) => !SHORT_OF_TIME_OR_ROOM.includes(status)),
  );
  if (wrong.length > 0) throw new CorrectnessError(`orders were answered with ${[...new Set(wrong)].join(', ')}`);
  if (kept !== accepted.length)
    throw new CorrectnessError(`${accepted.length} orders were answered 201, of which ${kept} are there`);
  await expectAllRight(rig, kept + keptUnanswered + others);
}

const LOOK_MS = 1_000;

/** Twice in a row nothing is under way: only then can the tables be emptied for the next run. */
async function untilAtRest(rig: Rig): Promise<void> {
  let before = '';
  for (let movedMs = performance.now(); performance.now() - movedMs < HANG_MS; await sleep(LOOK_MS)) {
    const [orders] = (
      await rig.orders.query<{ orders: string; under_way: string }>(`
        select count(*) as orders, count(*) filter (where status = 'NEW') + (select count(*) from outbox) +
          (select count(*) from pg_stat_activity
            where datname = current_database() and usename = 'orders_service' and state <> 'idle') as under_way
        from orders`)
    ).rows;
    const [payments] = (await rig.payments.query<{ under_way: string }>('select count(*) as under_way from outbox'))
      .rows;
    const now = `${orders?.orders} orders, ${orders?.under_way} under way in Orders, ${payments?.under_way} in Payments`;
    if (now !== before) movedMs = performance.now();
    else if (orders?.under_way === '0' && payments?.under_way === '0') return;
    before = now;
  }
  throw new CorrectnessError(`nothing moves any more: ${before}`);
}

/**
 * The reconciliation after a run of ours, when all is settled: `ops reconcile`, and what it cannot know: that there are exactly
 * as many orders as were asked for, all paid, once, and none left over in outbox or dead letters.
 */
export async function expectAllRight(rig: Rig, orders: number): Promise<void> {
  const { ports, surroundings } = rig.platform;
  const url = (port: number, service: string) => ({ urls: { ops: databaseUrl(port, service, `${service}_ops`) } });
  const databases = { orders: url(ports.ordersDb, 'orders'), payments: url(ports.paymentsDb, 'payments') };
  const wrong: string[] = [];
  const [ordered] = (
    await rig.orders.query<Record<string, string>>(`
      select count(*) as orders, count(*) filter (where status = 'FINISHED') as finished, coalesce(sum(amount), 0) as amount,
        (select count(*) from dead_letters) as dead from orders`)
  ).rows;
  const [paid] = (
    await rig.payments.query<Record<string, string>>(`
      select count(*) filter (where type = 'DEBIT') as debits, count(distinct reference_order_id) as debited,
        coalesce(sum(amount) filter (where type = 'DEBIT'), 0) as amount,
        sum(case type when 'CREDIT' then amount else -amount end) as left_over,
        (select sum(balance) from accounts) as balances, (select count(*) from dead_letters) as dead from transactions`)
  ).rows;
  const same = (what: string, seen: unknown, expected: unknown): void => {
    if (String(seen) !== String(expected)) wrong.push(`${what}: ${String(seen)} and not ${String(expected)}`);
  };
  same('orders', ordered?.['orders'], orders);
  same('orders that are FINISHED', ordered?.['finished'], orders);
  same('debits', paid?.['debits'], orders);
  same('orders that were debited', paid?.['debited'], orders);
  same('sum of the debits', paid?.['amount'], ordered?.['amount']);
  same('sum of the balances', paid?.['balances'], paid?.['left_over']);
  same('dead letters of Orders', ordered?.['dead'], 0);
  same('dead letters of Payments', paid?.['dead'], 0);
  const { code, out } = await runOps({ databases, surroundings }, 'reconcile', '--settle-within', '0', '--pause', '1');
  if (code !== 0) wrong.push(`ops reconcile said:\n${out}`);
  if (wrong.length > 0) throw new CorrectnessError(wrong.join('\n'));
}
