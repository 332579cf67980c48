import { databaseConfig, loadConfig } from '@order-payments/platform/config.ts';
import { migrate } from '@order-payments/platform/db/migrate.ts';
import { createLogger } from '@order-payments/platform/logger.ts';
import { withDatabaseCa } from '@order-payments/platform/tls.ts';
import { join } from 'node:path';
import { z } from 'zod';

// A step before the service is started; role payments_owner.
const config = loadConfig(
  z.object({ ...databaseConfig, LOG_LEVEL: z.string().default('info') }).transform(withDatabaseCa),
);

await migrate({
  databaseUrl: config.DATABASE_URL,
  directory: join(import.meta.dirname, '../migrations'),
  logger: createLogger({ service: 'payments-migrate', level: config.LOG_LEVEL }),
});
