import { createPool, type Database } from '@order-payments/platform/db/pool.ts';
import { sqlStateOf } from '@order-payments/platform/db/sql-state.ts';
import pg from 'pg';
import { services, type OpsConfig, type Service } from './config.ts';
import { CannotRunError } from './problem.ts';

export type Databases = Readonly<Record<Service, Database>>;

// One page is being read while another is worked on, and the events of a page are looked up in both databases.
const poolSize = 3;
const connectTimeoutMs = 5_000;
// An account with millions of transactions is summed in one statement; nobody's request waits for it.
const statementTimeoutMs = 600_000;

/**
 * Runs the work on both databases. Where it only reads, the sessions are read-only: the server refuses whatever would
 * change something.
 */
export async function withDatabases<T>(
  config: OpsConfig,
  access: 'read-only' | 'read-write',
  work: (databases: Databases) => Promise<T>,
): Promise<T> {
  for (const service of services) await tryDatabase(service, config.databaseUrls[service]);
  const orders = await open(config.databaseUrls.orders, access);
  const payments = await open(config.databaseUrls.payments, access);
  try {
    return await work({ orders, payments });
  } finally {
    await Promise.all([orders.end(), payments.end()]);
  }
}

async function open(databaseUrl: string, access: 'read-only' | 'read-write'): Promise<Database> {
  const url = new URL(databaseUrl);
  if (access === 'read-only') url.searchParams.set('options', '-c default_transaction_read_only=on');
  return await createPool({ url: url.toString(), applicationName: 'ops', size: poolSize, statementTimeoutMs });
}

/** The pool waits for a database that is not up, as a service should; an operator wants to know. */
async function tryDatabase(service: Service, databaseUrl: string): Promise<void> {
  const variable = `${service.toUpperCase()}_DATABASE_URL`;
  const { host, pathname } = new URL(databaseUrl);
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: connectTimeoutMs });
  try {
    await client.connect();
  } catch (error) {
    const why = error instanceof Error && error.message !== '' ? error.message : 'nobody answers';
    throw new CannotRunError(
      `The ${service} database ${pathname.slice(1)} at ${host} cannot be reached (${why}). ` +
        `Start the platform with npm start, or set ${variable} to postgresql://user:password@host:port/database.`,
      { cause: error },
    );
  } finally {
    await client.end().catch(() => {});
  }
}

/** What an operator can do about a database error; undefined where that is not known. */
export function adviceOn(error: unknown): string | undefined {
  const message = error instanceof Error ? error.message : '';
  switch (sqlStateOf(error)) {
    case '42P01':
    case '42703':
      return `A table or column is missing (${message}): run the migrations of this version first.`;
    case '42501':
      return `The database role lacks a right (${message}): use the roles orders_ops and payments_ops, and run the migrations of this version, which grant them their rights.`;
    default:
      return undefined;
  }
}
