import { databaseUrl } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { runOps } from '@order-payments/local/test-kit/run-ops.ts';
import { CorrectnessError } from './measure.ts';
import type { Rig } from './rig.ts';

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
