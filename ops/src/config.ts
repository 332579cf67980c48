import { databaseUrl, file, httpUrl, loadConfig, port } from '@order-payments/platform/config.ts';
import { secureDatabaseUrl } from '@order-payments/platform/tls.ts';
import { z } from 'zod';

/** The two databases, named as their services are. */
export const services = ['orders', 'payments'] as const;
export type Service = (typeof services)[number];

export interface OpsConfig {
  readonly databaseUrls: Readonly<Record<Service, string>>;
  readonly registryUrl: string;
}

// Without a variable, everything is where `npm start` puts it: its ports, its variables for other ports, its password.
const schema = z.object({
  ORDERS_DATABASE_URL: databaseUrl.optional(),
  PAYMENTS_DATABASE_URL: databaseUrl.optional(),
  /** Of both databases, where neither names its own. */
  DATABASE_CA_FILE: file.optional(),
  ORDERS_DATABASE_CA_FILE: file.optional(),
  PAYMENTS_DATABASE_CA_FILE: file.optional(),
  SCHEMA_REGISTRY_URL: httpUrl.optional(),
  ORDERS_DB_PORT: port.default(5433),
  PAYMENTS_DB_PORT: port.default(5434),
  REGISTRY_PORT: port.default(8081),
});

export function opsConfig(environment: NodeJS.ProcessEnv): OpsConfig {
  const config = loadConfig(schema, environment);
  return {
    databaseUrls: {
      orders: secureDatabaseUrl(
        config.ORDERS_DATABASE_URL ?? localDatabaseUrl('orders', config.ORDERS_DB_PORT),
        config.ORDERS_DATABASE_CA_FILE ?? config.DATABASE_CA_FILE,
      ),
      payments: secureDatabaseUrl(
        config.PAYMENTS_DATABASE_URL ?? localDatabaseUrl('payments', config.PAYMENTS_DB_PORT),
        config.PAYMENTS_DATABASE_CA_FILE ?? config.DATABASE_CA_FILE,
      ),
    },
    registryUrl: config.SCHEMA_REGISTRY_URL ?? `http://127.0.0.1:${config.REGISTRY_PORT}/apis/ccompat/v7`,
  };
}

function localDatabaseUrl(service: Service, databasePort: number): string {
  return `postgres://${service}_ops:local@127.0.0.1:${databasePort}/${service}`;
}
