import type { AccountId, TransactionId, UserId } from '@order-payments/kernel/ids.ts';
import { moneyMax } from '@order-payments/kernel/money.ts';
import { sql, type Connection } from '@order-payments/platform/db/pool.ts';
import type { Transaction } from '../domain/account.ts';
import { transactionColumns, transactionRow } from './rows.ts';

export interface TopUp {
  /** Minted once for a call: a second attempt, after an answer that was lost, finds what the first one wrote. */
  readonly transactionId: TransactionId;
  readonly userId: UserId;
  readonly amount: bigint;
  readonly idempotencyKey: string | undefined;
}

/**
 * Credits the account in one statement, which is its own transaction: the row lock is held for no round trip.
 * Null where nothing was written: no such account, no room for the amount, or the key or the id was used before.
 * The locked row is the newest one, whatever the statement's snapshot shows, so concurrent top-ups add up.
 */
export async function creditAccount(connection: Connection, topUp: TopUp, now: Date): Promise<Transaction | null> {
  return await connection.maybeOne(sql.type(transactionRow)`
    with account as (
      select id, balance, version from accounts where user_id = ${topUp.userId} for no key update
    ), credit as (
      insert into transactions
        (id, account_id, account_version, type, amount, idempotency_key, balance_after, created_at)
      select ${topUp.transactionId}, id, version + 1, 'CREDIT', ${topUp.amount}, ${topUp.idempotencyKey ?? null},
        balance + ${topUp.amount}, ${now.toISOString()}
      from account
      where balance <= ${moneyMax}::int8 - ${topUp.amount}
      on conflict do nothing
      returning ${transactionColumns}
    ), credited as (
      update accounts set balance = balance_after, version = account_version, updated_at = created_at
      from credit where accounts.id = account_id
    )
    select ${transactionColumns} from credit`);
}

/** The transaction that an earlier attempt or an earlier call with the same key wrote. */
export async function findTopUp(
  connection: Connection,
  topUp: TopUp & { accountId: AccountId },
): Promise<Transaction | null> {
  return await connection.maybeOne(sql.type(transactionRow)`
    select ${transactionColumns} from transactions
    where id = ${topUp.transactionId}
      or (account_id = ${topUp.accountId} and idempotency_key = ${topUp.idempotencyKey ?? null})`);
}

/** The account's transactions, newest first, beginning below a version where one is given. */
export async function listTransactions(
  connection: Connection,
  page: { accountId: AccountId; belowVersion: bigint | undefined; limit: number },
): Promise<readonly Transaction[]> {
  const below =
    page.belowVersion === undefined ? sql.fragment`` : sql.fragment`and account_version < ${page.belowVersion}`;
  return await connection.any(sql.type(transactionRow)`
    select ${transactionColumns} from transactions
    where account_id = ${page.accountId} ${below}
    order by account_version desc
    limit ${page.limit}`);
}
