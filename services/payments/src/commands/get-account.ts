import { AppError } from '@order-payments/kernel/errors.ts';
import type { UserId } from '@order-payments/kernel/ids.ts';
import type { Connection } from '@order-payments/platform/db/pool.ts';
import type { Account } from '../domain/account.ts';
import { findAccount } from '../store/accounts.ts';

/** ACCOUNT_NOT_FOUND where the user has none. */
export async function getAccount(connection: Connection, userId: UserId): Promise<Account> {
  const account = await findAccount(connection, userId);
  if (account === null) throw new AppError('ACCOUNT_NOT_FOUND', 'the user has no account');
  return account;
}
