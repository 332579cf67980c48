import { AppError } from '@order-payments/kernel/errors.ts';
import { newAccountId, type UserId } from '@order-payments/kernel/ids.ts';
import type { Database } from '@order-payments/platform/db/pool.ts';
import { retryTransient } from '@order-payments/platform/db/retry.ts';
import type { Account } from '../domain/account.ts';
import { findAccount, insertAccount } from '../store/accounts.ts';

/** Opens the user's account. ACCOUNT_ALREADY_EXISTS where the user has one. */
export async function createAccount(
  database: Database,
  request: { userId: UserId; deadlineMs: number },
): Promise<Account> {
  const { userId, deadlineMs } = request;
  // Minted once, so that a second attempt, after an answer that was lost, knows the account of the first one for its own.
  const id = newAccountId();
  return await retryTransient(deadlineMs, async () => {
    const created = await insertAccount(database, { id, userId, now: new Date() });
    if (created !== null) return created;
    const existing = await findAccount(database, userId);
    if (existing?.id === id) return existing;
    throw new AppError('ACCOUNT_ALREADY_EXISTS', 'the user already has an account');
  });
}
