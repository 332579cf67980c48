import { baseConfig, brokers, databaseUrl } from '@order-payments/platform/config.ts';
import { z } from 'zod';

export const configSchema = z.object({
  ...baseConfig,
  /** Whose outbox this is: the name in logs and metrics. */
  RELAY_NAME: z.string().min(1),
  /** A role that may read and delete outbox rows, and nothing else. */
  DATABASE_URL: databaseUrl,
  KAFKA_BROKERS: brokers,
});

export type Config = z.output<typeof configSchema>;
