import type { AccountId, UserId } from '@order-payments/kernel/ids.ts';
import { sql, type Connection, type Transaction } from '@order-payments/platform/db/pool.ts';
import type { Account } from '../domain/account.ts';
import { accountColumns, accountRow } from './rows.ts';

/** Insert-or-nothing: null where the user has an account. */
export async function insertAccount(
  connection: Connection,
  account: { id: AccountId; userId: UserId; now: Date },
): Promise<Account | null> {
  return await connection.maybeOne(sql.type(accountRow)`
    insert into accounts (id, user_id, updated_at)
    values (${account.id}, ${account.userId}, ${account.now.toISOString()})
    on conflict do nothing
    returning ${accountColumns}`);
}

export async function findAccount(connection: Connection, userId: UserId): Promise<Account | null> {
  return await connection.maybeOne(sql.type(accountRow)`
    select ${accountColumns} from accounts where user_id = ${userId}`);
}

/**
 * Holds the users' accounts until the transaction ends. Everyone who holds several takes them by id, so that two wait
 * for each other and never deadlock; no key update, because foreign keys to the account need not wait for it.
 */
export async function lockAccounts(transaction: Transaction, userIds: readonly UserId[]): Promise<readonly Account[]> {
  return await transaction.any(sql.prepared('lock-accounts', accountRow)`
    select ${accountColumns} from accounts
    where user_id = any(${sql.array(userIds, 'uuid')})
    order by id
    for no key update`);
}
