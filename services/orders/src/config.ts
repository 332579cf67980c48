import {
  baseConfig,
  count,
  databaseConfig,
  grpcTarget,
  host,
  httpUrl,
  kafkaConfig,
  milliseconds,
  port,
  retentionConfig,
} from '@order-payments/platform/config.ts';
import { withDatabaseCa } from '@order-payments/platform/tls.ts';
import { z } from 'zod';

export const configSchema = z
  .object({
    ...baseConfig,
    /** Role orders_service. */
    ...databaseConfig,
    /** Sessions: 3 write orders, 3 settle (as many as partitions while they try again alone), 1 sweeps, the rest are for reads. */
    DATABASE_POOL_SIZE: count.default(15),
    GRPC_HOST: host.default('127.0.0.1'),
    GRPC_PORT: port,
    /** How long a connection lasts: until a client that keeps one finds replicas that came later. */
    GRPC_CONNECTION_AGE_MS: milliseconds.default(300_000),
    PAYMENTS_GRPC_URL: grpcTarget,
    ...kafkaConfig,
    KAFKA_GROUP_ID: z.string().min(1).default('orders'),
    /** How long the partitions of a process that died wait for another to take them; within the broker's bounds. */
    KAFKA_SESSION_TIMEOUT_MS: milliseconds.default(10_000),
    SCHEMA_REGISTRY_URL: httpUrl,
    /** How long a record waits for a schema that the registry does not have, before it is a dead letter. */
    SCHEMA_PATIENCE_MS: milliseconds.default(30_000),
    ORDERS_TOPIC: z.string().min(1).default('orders.events'),
    PAYMENTS_TOPIC: z.string().min(1).default('payments.events'),
    /** How long an order may be NEW before the sweeper looks after it. */
    SWEEP_OVERDUE_MS: milliseconds.default(30_000),
    SWEEP_INTERVAL_MS: milliseconds.default(3_000),
    /** Until the sweeper looks at an order again; doubled each time that its event is told again, up to 5 minutes. */
    SWEEP_BACKOFF_MS: milliseconds.default(10_000),
    ...retentionConfig,
  })
  .transform(withDatabaseCa);

export type Config = z.output<typeof configSchema>;
