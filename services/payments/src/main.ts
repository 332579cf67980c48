import { loadPaymentsDescriptors } from '@order-payments/contracts/descriptors.ts';
import { orderCreatedSchema, paymentFailedSchema, paymentSucceededSchema } from '@order-payments/contracts/schemas.ts';
import { loadConfig } from '@order-payments/platform/config.ts';
import { isAnswering } from '@order-payments/platform/db/answering.ts';
import { createPool } from '@order-payments/platform/db/pool.ts';
import { startGrpcServer } from '@order-payments/platform/grpc/server.ts';
import { startRetention } from '@order-payments/platform/inbox/retention.ts';
import { createKafka } from '@order-payments/platform/kafka/client.ts';
import { startConsumer } from '@order-payments/platform/kafka/consumer.ts';
import { createEventCodec } from '@order-payments/platform/kafka/event-codec.ts';
import { runProcess, type Lifecycle } from '@order-payments/platform/lifecycle.ts';
import { createLogger, type Logger } from '@order-payments/platform/logger.ts';
import { createMetrics, startMetricsServer } from '@order-payments/platform/metrics.ts';
import { createWakeUp } from '@order-payments/platform/outbox/wake-up.ts';
import { filesOf, kafkaTls } from '@order-payments/platform/tls.ts';
import { configSchema, type Config } from './config.ts';
import { applyOrderCreated } from './consumers/order-created.ts';
import { paymentsService } from './grpc/payments-service.ts';
import { createPaymentsMetrics } from './metrics.ts';

const config = loadConfig(configSchema);
const logger = createLogger({ service: 'payments', level: config.LOG_LEVEL });
await runProcess({ logger, files: filesOf(config) }, async (lifecycle) => await start(config, logger, lifecycle));

async function start(config: Config, logger: Logger, lifecycle: Lifecycle): Promise<void> {
  let isReady = async (): Promise<boolean> => false;
  const registry = createMetrics();
  const metricsServer = await startMetricsServer({
    host: config.METRICS_HOST,
    port: config.METRICS_PORT,
    registry,
    isReady: async () => !lifecycle.stopping.aborted && (await isReady()),
  });
  lifecycle.onStop('metrics', metricsServer.stop);

  const database = await createPool({
    url: config.DATABASE_URL,
    applicationName: 'payments',
    size: config.DATABASE_POOL_SIZE,
    logger,
  });
  lifecycle.onStop('database', async () => await database.end());
  const metrics = createPaymentsMetrics(registry, database);
  const wakeUp = createWakeUp({ databaseUrl: config.DATABASE_URL, logger });
  lifecycle.onStop('wake-up', wakeUp.stop);

  const codec = createEventCodec({
    registryUrl: config.SCHEMA_REGISTRY_URL,
    schemas: [orderCreatedSchema, paymentSucceededSchema, paymentFailedSchema],
    logger,
    missingSchemaPatienceMs: config.SCHEMA_PATIENCE_MS,
  });
  await codec.start(lifecycle.stopping);
  if (lifecycle.stopping.aborted) return;

  const server = await startGrpcServer({
    host: config.GRPC_HOST,
    port: config.GRPC_PORT,
    connectionAgeMs: config.GRPC_CONNECTION_AGE_MS,
    services: [paymentsService({ database, metrics })],
    descriptors: loadPaymentsDescriptors(),
    logger,
    registry,
  });
  lifecycle.onStop('grpc', server.stop);
  server.setServing(true);
  // Accounts can be opened and topped up while Kafka is away, so the consumer does not hold readiness back.
  isReady = async () => await isAnswering(database);

  const retention = startRetention({
    database,
    inboxHours: config.INBOX_RETENTION_HOURS,
    deadLetterHours: config.DEAD_LETTER_RETENTION_HOURS,
    intervalMs: config.RETENTION_INTERVAL_MS,
    logger,
    registry,
    onFatal: lifecycle.fail,
  });
  lifecycle.onStop('retention', retention.stop);
  const consumer = startConsumer({
    kafka: createKafka({ clientId: 'payments', brokers: config.KAFKA_BROKERS, tls: kafkaTls(config), logger }),
    groupId: config.KAFKA_GROUP_ID,
    sessionTimeoutMs: config.KAFKA_SESSION_TIMEOUT_MS,
    topic: config.ORDERS_TOPIC,
    codec,
    database,
    apply: applyOrderCreated({ codec, paymentsTopic: config.PAYMENTS_TOPIC, metrics }),
    afterCommit: wakeUp.wake,
    logger,
    registry,
    onFatal: lifecycle.fail,
  });
  lifecycle.onStop('consumer', consumer.stop);
  await consumer.started;
}
