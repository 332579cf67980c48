import { baseConfig, databaseConfig, kafkaConfig } from '@order-payments/platform/config.ts';
import { withDatabaseCa } from '@order-payments/platform/tls.ts';
import { z } from 'zod';

export const configSchema = z
  .object({
    ...baseConfig,
    /** Whose outbox this is: the name in logs and metrics. */
    RELAY_NAME: z.string().min(1),
    /** A role that may read and delete outbox rows, and nothing else. */
    ...databaseConfig,
    ...kafkaConfig,
  })
  .transform(withDatabaseCa);

export type Config = z.output<typeof configSchema>;
