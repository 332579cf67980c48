import type { Transaction } from './pool.ts';

/** Counts what the transaction did: one that is rolled back and tried again must not count it twice. */
export function whenCommitted(transaction: Transaction, count: () => void): void {
  transaction.once('commit', count);
  transaction.once('rollback', () => transaction.off('commit', count));
}
