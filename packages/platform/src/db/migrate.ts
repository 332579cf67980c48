import { createHash } from 'node:crypto';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import type { Logger } from '../logger.ts';

// Any constant will do; it only has to be the same for all who migrate one database.
const lockKey = createHash('sha256').update('order-payments migrations').digest().readBigInt64BE();

/**
 * Applies the numbered SQL files of the directory that the database has not seen, each in a transaction.
 * Of concurrent runners one works and the others wait for it: node-pg-migrate's own lock would refuse them instead.
 */
export async function migrate(options: { databaseUrl: string; directory: string; logger: Logger }): Promise<void> {
  const client = new pg.Client({ connectionString: options.databaseUrl, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [lockKey]);
    const applied = await runner({
      dbClient: client,
      dir: options.directory,
      direction: 'up',
      migrationsTable: 'migrations',
      noLock: true,
      // One transaction a file: a process that dies half way leaves whole migrations only.
      singleTransaction: false,
      log: () => {},
    });
    options.logger.info({ applied: applied.map(({ name }) => name) }, 'migrated');
  } finally {
    // Ending the session releases the lock.
    await client.end();
  }
}
