import { databaseUrl, SUPERUSER } from '@order-payments/local/infrastructure/postgres-roles.ts';
import type { Service } from '@order-payments/local/infrastructure/postgres-roles.ts';
import type { Operated } from '@order-payments/local/test-kit/run-ops.ts';
import pg from 'pg';
import type { Stage } from './stage.ts';

/** Past all links: what the proof itself reads and does must not be troubled by its own faults. */
export function urlOf({ databases }: Pick<Stage, 'databases'>, service: Service, role: string): string {
  const { port, name } = databases[service];
  return databaseUrl(port, name, role);
}

export async function connectAsSuperuser(stage: Pick<Stage, 'databases'>, service: Service): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: urlOf(stage, service, SUPERUSER), connectionTimeoutMillis: 5_000 });
  // A server that dies under it shows at the next statement.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** A connection for the time of some work. */
export async function withSuperuser<T>(
  stage: Pick<Stage, 'databases'>,
  service: Service,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connectAsSuperuser(stage, service);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

export function operated(stage: Pick<Stage, 'databases' | 'platform'>): Operated {
  return {
    databases: {
      orders: { urls: { ops: urlOf(stage, 'orders', 'orders_ops') } },
      payments: { urls: { ops: urlOf(stage, 'payments', 'payments_ops') } },
    },
    surroundings: stage.platform.surroundings,
  };
}
