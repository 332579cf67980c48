import { AppError } from '@order-payments/kernel/errors.ts';
import { decodeCursor, encodeCursor } from '@order-payments/kernel/cursor.ts';
import type { UserId } from '@order-payments/kernel/ids.ts';
import type { Connection } from '@order-payments/platform/db/pool.ts';
import type { Transaction } from '../domain/account.ts';
import { listTransactions as readTransactions } from '../store/transactions.ts';
import { getAccount } from './get-account.ts';

export interface Statement {
  readonly transactions: readonly Transaction[];
  /** Undefined on the last page. */
  readonly nextCursor: string | undefined;
}

/** A page of the account's statement, newest first. ACCOUNT_NOT_FOUND; INVALID_CURSOR for what this list did not return. */
export async function listTransactions(
  connection: Connection,
  request: { userId: UserId; pageSize: number; cursor: string | undefined },
): Promise<Statement> {
  const { userId, pageSize, cursor } = request;
  const list = `transactions of ${userId}`;
  const belowVersion = cursor === undefined ? undefined : parseVersion(decodeCursor(list, cursor));
  const account = await getAccount(connection, userId);
  // One more than the page holds tells whether there is another page.
  const rows = await readTransactions(connection, { accountId: account.id, belowVersion, limit: pageSize + 1 });
  const transactions = rows.slice(0, pageSize);
  const last = transactions.at(-1);
  const more = rows.length > pageSize && last !== undefined;
  return { transactions, nextCursor: more ? encodeCursor(list, String(last.accountVersion)) : undefined };
}

/** A cursor is no secret, so whoever forges one may have put anything in it; more digits than a bigint has are not ours. */
function parseVersion(position: string): bigint {
  if (!/^[1-9][0-9]{0,17}$/.test(position))
    throw new AppError('INVALID_CURSOR', 'cursor is not one that this list returned', { field: 'cursor' });
  return BigInt(position);
}
