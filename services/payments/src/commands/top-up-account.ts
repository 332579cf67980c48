import { AppError } from '@order-payments/kernel/errors.ts';
import { newTransactionId, type UserId } from '@order-payments/kernel/ids.ts';
import { moneyMax } from '@order-payments/kernel/money.ts';
import type { Database } from '@order-payments/platform/db/pool.ts';
import { retryTransient } from '@order-payments/platform/db/retry.ts';
import { seam } from '@order-payments/platform/seam.ts';
import type { Transaction } from '../domain/account.ts';
import { creditAccount, findTopUp, type TopUp } from '../store/transactions.ts';
import { getAccount } from './get-account.ts';

// A second round is rare: what stood in the way has to go between two statements. A third one needs that twice.
const roundsMax = 4;

/**
 * Adds to the user's balance. A known key with the same amount answers with the transaction that it made; with another
 * amount IDEMPOTENCY_KEY_REUSED. ACCOUNT_NOT_FOUND and BALANCE_LIMIT_EXCEEDED write nothing and consume no key.
 */
export async function topUpAccount(
  database: Database,
  request: { userId: UserId; amount: bigint; idempotencyKey: string | undefined; deadlineMs: number },
): Promise<Transaction> {
  const { userId, amount, idempotencyKey, deadlineMs } = request;
  // Minted once: without a key, too, an attempt after a COMMIT whose answer was lost must not credit twice.
  const topUp = { transactionId: newTransactionId(), userId, amount, idempotencyKey };
  return await retryTransient(deadlineMs, async () => await credit(database, topUp));
}

async function credit(database: Database, topUp: TopUp): Promise<Transaction> {
  for (let round = 0; round < roundsMax; round++) {
    const crediting = creditAccount(database, topUp, new Date());
    seam('payments.top-up.commit-sent');
    const written = await crediting;
    seam('payments.top-up.committed');
    if (written !== null) return written;
    const account = await getAccount(database, topUp.userId);
    const earlier = await findTopUp(database, { ...topUp, accountId: account.id });
    if (earlier !== null) return sameAmount(earlier, topUp);
    if (account.balance > moneyMax - topUp.amount)
      throw new AppError('BALANCE_LIMIT_EXCEEDED', `a balance is at most ${moneyMax}`, { field: 'amount' });
    // Nothing stands in the way any more: the account was opened, or an order made room, after the credit found it so.
  }
  throw new AppError('UNAVAILABLE', 'the account changes too fast');
}

function sameAmount(earlier: Transaction, { amount }: TopUp): Transaction {
  if (earlier.amount !== amount)
    throw new AppError('IDEMPOTENCY_KEY_REUSED', 'the key was used for another top-up of this account');
  return earlier;
}
