import { createDatabase } from '@order-payments/local/test-kit/infrastructure.ts';
import pg from 'pg';
import type { OpsConfig } from '../../src/config.ts';
import { runOps } from '../../src/ops.ts';
import type { ExitCode } from '../../src/problem.ts';

export interface TwoDatabases {
  /** As superuser, to plant what no service could write. */
  readonly orders: pg.Client;
  readonly payments: pg.Client;
  readonly config: OpsConfig;
  readonly environment: Readonly<
    Record<'ORDERS_DATABASE_URL' | 'PAYMENTS_DATABASE_URL' | 'SCHEMA_REGISTRY_URL', string>
  >;
  ops(...args: string[]): Promise<OpsResult>;
  drop(): Promise<void>;
}

export interface OpsResult {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
}

/** New databases, with everything but the seeds that a real platform has, and the operator's command for them. */
export async function createTwoDatabases(registryUrl = 'http://127.0.0.1:9'): Promise<TwoDatabases> {
  const [ordersDatabase, paymentsDatabase] = await Promise.all([createDatabase('orders'), createDatabase('payments')]);
  const orders = await connect(ordersDatabase.urls.superuser);
  const payments = await connect(paymentsDatabase.urls.superuser);
  const databaseUrls = { orders: ordersDatabase.urls.ops, payments: paymentsDatabase.urls.ops };
  const environment = {
    ORDERS_DATABASE_URL: databaseUrls.orders,
    PAYMENTS_DATABASE_URL: databaseUrls.payments,
    SCHEMA_REGISTRY_URL: registryUrl,
  };
  return {
    orders,
    payments,
    config: { databaseUrls, registryUrl },
    environment,
    ops: (...args) => ops(args, environment),
    drop: async () => {
      await Promise.all([orders.end(), payments.end()]);
      await Promise.all([ordersDatabase.drop(), paymentsDatabase.drop()]);
    },
  };
}

/** The command, run in this process. */
export async function ops(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<OpsResult> {
  const written = { out: '', err: '' };
  const terminal = {
    out: (text: string) => void (written.out += `${text}\n`),
    err: (text: string) => void (written.err += text),
    isInteractive: false,
  };
  return { code: await runOps(args, environment, terminal), ...written };
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return client;
}
