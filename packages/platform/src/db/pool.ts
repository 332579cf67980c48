import { readFileSync } from 'node:fs';
import { createPgDriverFactory } from '@slonik/pg-driver';
import pg from 'pg';
import {
  createBigintTypeParser,
  createPool as createSlonikPool,
  SchemaValidationError,
  type CommonQueryMethods,
  type DatabasePool,
  type DatabaseTransactionConnection,
  type DriverFactory,
  type Interceptor,
} from 'slonik';

import { backoffMs, sleep } from '../backoff.ts';
import type { Logger } from '../logger.ts';
import { withSessionSettings } from './session-settings.ts';
import { errorKind } from './sql-state.ts';

export { sql } from 'slonik';
export type Database = DatabasePool;
export type Transaction = DatabaseTransactionConnection;
/** Whatever runs a query: the pool or a transaction. */
export type Connection = CommonQueryMethods;

/**
 * A pool of direct sessions (advisory locks and listen need them: no transaction pooler in between).
 * int8 arrives as bigint, timestamptz as Date, and every row is checked against its query's schema.
 */
export async function createPool(options: {
  url: string;
  applicationName: string;
  size: number;
  /** A statement that takes longer is cancelled by the server: nothing waits for ever on a lock or a disk. */
  statementTimeoutMs?: number;
  logger?: Logger;
}): Promise<Database> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await openPool(options);
    } catch (error) {
      // Slonik asks the database for its types first. Where it is not up yet, the process waits, unready.
      if (errorKind(error) !== 'transient') throw error;
      options.logger?.warn({ err: error, attempt }, 'waiting for the database');
      await sleep(backoffMs(attempt, { baseMs: 200, maxMs: 5_000 }));
    }
  }
}

async function openPool(options: Parameters<typeof createPool>[0]): Promise<Database> {
  // A statement that is sql.prepared is parsed once a session, and planned for the rows it has: a plan for any number of them would
  // compare each of a batch with each.
  const url = new URL(withSessionSettings(options.url, { plan_cache_mode: 'force_custom_plan' }));
  url.searchParams.set('application_name', options.applicationName);
  // Slonik's word for what pg calls verify-full: the certificate and the name are verified.
  if (url.searchParams.get('sslmode') === 'verify-full') url.searchParams.set('sslmode', 'require');
  // Slonik 49 reads `sslrootcert` and then connects without TLS, so the CA is handed over beside the URL.
  const caFile = url.searchParams.get('sslrootcert');
  const statementTimeoutMs = options.statementTimeoutMs ?? 10_000;
  const pool = await createSlonikPool(url.toString(), {
    maxPoolSize: options.size,
    ...(caFile !== null && { ssl: { ca: readFileSync(caFile, 'utf8'), rejectUnauthorized: true } }),
    connectionTimeout: 5_000,
    // A new session costs about 5 ms, so keep them.
    idleTimeout: 600_000,
    statementTimeout: statementTimeoutMs,
    driverFactory: withAnswerLimit(createPgDriverFactory(), statementTimeoutMs + answerGraceMs),
    idleInTransactionSessionTimeout: 10_000,
    // Slonik would send DISCARD ALL after every use; no query of ours leaves anything in the session.
    resetConnection: async () => {},
    typeParsers: [createBigintTypeParser(), { name: 'timestamptz', parse: (text: string) => new Date(text) }],
    interceptors: [rowValidator],
  });
  // Each error is also thrown to whoever ran the query; an event without a listener would be thrown in its place.
  pool.on('error', () => {});
  return pool;
}

// Slonik's driver asks for the types on a session that nobody listens to: when that one breaks, Node would end the process.
// Every client gets a listener that does nothing; each error also rejects the statement that was under way.
type Connect = (this: pg.Client, ...args: unknown[]) => Promise<pg.Client>;
const connect = Reflect.get<object, 'connect'>(pg.Client.prototype, 'connect') as Connect;
const connectListening: Connect = function (...args) {
  this.on('error', () => {});
  return connect.apply(this, args);
};
pg.Client.prototype.connect = connectListening;

// The server cancels a statement at its time-out; an answer that has not come some seconds later never will.
const answerGraceMs = 5_000;

/**
 * Gives up a session whose server is gone without a word (a lost node, a link that swallows everything): TCP alone would wait
 * for a quarter of an hour or for ever. Ending it rejects the statement like any connection that broke.
 */
function withAnswerLimit(createDriver: DriverFactory, limitMs: number): DriverFactory {
  return async (configuration) => {
    const driver = await answeredWithin(limitMs, createDriver(configuration));
    return {
      createClient: async () => {
        const client = await driver.createClient();
        return {
          ...client,
          query: async (...statement) => {
            const limit = setTimeout(() => void client.destroy().catch(() => {}), limitMs);
            try {
              return await client.query(...statement);
            } finally {
              clearTimeout(limit);
            }
          },
        };
      },
    };
  };
}

/** The driver's first session has no limit of its own. One that fell silent is left behind, and another takes its place. */
async function answeredWithin<T>(limitMs: number, work: Promise<T>): Promise<T> {
  const silence = Promise.withResolvers<never>();
  const limit = setTimeout(
    () => silence.reject(Object.assign(new Error('the database gave no answer'), { code: 'ETIMEDOUT' })),
    limitMs,
  );
  return Promise.race([work, silence.promise]).finally(() => clearTimeout(limit));
}

/** Slonik carries a query's schema but does not apply it by itself. */
const rowValidator: Interceptor = {
  name: 'row-validator',
  transformRow: ({ resultParser }, query, row) => {
    if (!resultParser) return row;
    const result = resultParser['~standard'].validate(row);
    if (result instanceof Promise) throw new TypeError('a row schema must be synchronous');
    if (result.issues) throw new SchemaValidationError(query, row, result.issues);
    return result.value as typeof row;
  },
};
