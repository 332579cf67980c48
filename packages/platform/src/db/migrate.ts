import { createHash } from 'node:crypto';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { backoffMs, sleep } from '../backoff.ts';
import type { Logger } from '../logger.ts';
import { errorKind } from './sql-state.ts';

// Any constant will do; it only has to be the same for all who migrate one database.
const lockKey = createHash('sha256').update('order-payments migrations').digest().readBigInt64BE();

// A database of three instances takes about a minute to appear. After this, whoever started the step is told.
const connectLimitMs = 180_000;

/**
 * Applies the numbered SQL files of the directory that the database has not seen, each in a transaction.
 * Of concurrent runners one works and the others wait for it: node-pg-migrate's own lock would refuse them instead.
 */
export async function migrate(options: { databaseUrl: string; directory: string; logger: Logger }): Promise<void> {
  const client = await connect(options.databaseUrl, options.logger);
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

/** In a fresh installation the database starts at the same time as this step. */
async function connect(databaseUrl: string, logger: Logger): Promise<pg.Client> {
  const deadline = Date.now() + connectLimitMs;
  for (let attempt = 0; ; attempt++) {
    const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 });
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (errorKind(error) !== 'transient' || Date.now() > deadline) throw error;
      logger.warn({ err: error, attempt }, 'waiting for the database');
      await sleep(backoffMs(attempt, { baseMs: 200, maxMs: 2_000 }));
    }
  }
}
