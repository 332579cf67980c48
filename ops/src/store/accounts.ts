import { sql, type Connection } from '@order-payments/platform/db/pool.ts';
import type { FragmentSqlToken } from 'slonik';
import { z } from 'zod';
import type { Violation } from '../domain/invariants.ts';
import { id } from './rows.ts';

const pageRow = z.object({ last_id: z.string().nullable(), accounts: z.bigint() });

const brokenAccountRow = z.object({
  id: id<string>(),
  balance: z.bigint(),
  version: z.bigint(),
  total: z.string(),
  transactions: z.bigint(),
  broken_at: z.bigint().nullable(),
});

/** Where the next page of accounts ends, and how many it has; lastId is null where there is none. */
export async function findAccountPage(
  connection: Connection,
  page: { afterId: string; limit: number },
): Promise<{ lastId: string | null; accounts: number }> {
  // uuid has no max() before PostgreSQL 18.
  const row = await connection.one(sql.type(pageRow)`
    with page as (select id from accounts where id > ${page.afterId} order by id limit ${page.limit})
    select (select id from page order by id desc limit 1) as last_id, (select count(*) from page) as accounts`);
  return { lastId: row.last_id, accounts: Number(row.accounts) };
}

export async function judgeAccountPage(
  connection: Connection,
  page: { afterId: string; lastId: string },
): Promise<Violation[]> {
  return await judgeAccounts(connection, sql.fragment`accounts.id > ${page.afterId} and accounts.id <= ${page.lastId}`);
}

export async function judgeAccountsOf(connection: Connection, ids: readonly string[]): Promise<Violation[]> {
  return await judgeAccounts(connection, sql.fragment`accounts.id = any(${sql.array(ids, 'uuid')})`);
}

/**
 * I1 inside the database, in one snapshot: the account's transactions add up to its balance, their versions run without
 * a gap up to its version, and each balance_after is the one before plus or minus the amount. Sums are numeric, so they do
 * not overflow. The whole table at once would hold a snapshot for minutes, and with it vacuum; so it goes by pages.
 */
async function judgeAccounts(connection: Connection, condition: FragmentSqlToken): Promise<Violation[]> {
  const broken = await connection.any(sql.type(brokenAccountRow)`
    with page as materialized (select id, balance, version from accounts where ${condition}),
    step as (
      select t.account_id, t.account_version, t.balance_after,
        case t.type when 'CREDIT' then t.amount else -t.amount end as change,
        lag(t.balance_after, 1, 0::bigint) over chain as balance_before,
        row_number() over chain as position
      from page join transactions t on t.account_id = page.id
      window chain as (partition by t.account_id order by t.account_version)
    ),
    total as (
      select account_id, sum(change) as total, count(*) as transactions,
        min(account_version) filter (where balance_after <> balance_before::numeric + change or account_version <> position) as broken_at
      from step group by account_id
    )
    select page.id, page.balance, page.version, coalesce(total, 0)::text as total,
      coalesce(transactions, 0) as transactions, broken_at
    from page left join total on total.account_id = page.id
    where page.balance <> coalesce(total, 0) or page.balance < 0
      or page.version <> coalesce(transactions, 0) or broken_at is not null
    order by page.id`);
  return broken.map((account) => ({ invariant: 'I1', subject: account.id, what: describe(account) }));
}

function describe(account: z.output<typeof brokenAccountRow>): string {
  if (account.total !== account.balance.toString())
    return `the balance is ${account.balance}, the transactions add up to ${account.total}`;
  if (account.balance < 0n) return `the balance is ${account.balance}`;
  if (account.broken_at !== null)
    return `the balances after each transaction do not chain at version ${account.broken_at}`;
  return `the account is at version ${account.version} and has ${account.transactions} transactions`;
}
