import {
  baseConfig,
  count,
  databaseConfig,
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
    /** Role payments_service. */
    ...databaseConfig,
    /** Sessions: 3 settle (as many as partitions while they try again alone), the rest are for calls. */
    DATABASE_POOL_SIZE: count.default(15),
    GRPC_HOST: host.default('127.0.0.1'),
    GRPC_PORT: port,
    /** How long a connection lasts: until a client that keeps one finds replicas that came later. */
    GRPC_CONNECTION_AGE_MS: milliseconds.default(300_000),
    ...kafkaConfig,
    KAFKA_GROUP_ID: z.string().min(1).default('payments'),
    /** How long the partitions of a process that died wait for another to take them; within the broker's bounds. */
    KAFKA_SESSION_TIMEOUT_MS: milliseconds.default(10_000),
    SCHEMA_REGISTRY_URL: httpUrl,
    /** How long a record waits for a schema that the registry does not have, before it is a dead letter. */
    SCHEMA_PATIENCE_MS: milliseconds.default(30_000),
    ORDERS_TOPIC: z.string().min(1).default('orders.events'),
    PAYMENTS_TOPIC: z.string().min(1).default('payments.events'),
    ...retentionConfig,
  })
  .transform(withDatabaseCa);

export type Config = z.output<typeof configSchema>;
