import { loadOrdersDescriptors } from '@order-payments/contracts/descriptors.ts';
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
import { createPaymentsClient } from './clients/payments.ts';
import { prepareCreateOrder } from './commands/create-order.ts';
import { startSweeper } from './commands/sweeper.ts';
import { configSchema, type Config } from './config.ts';
import { applyPaymentOutcomes } from './consumers/payment-outcomes.ts';
import { ordersService } from './grpc/orders-service.ts';
import { createOrdersGauges, createOrdersMetrics } from './metrics.ts';

const config = loadConfig(configSchema);
const logger = createLogger({ service: 'orders', level: config.LOG_LEVEL });
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
    applicationName: 'orders',
    size: config.DATABASE_POOL_SIZE,
    logger,
  });
  lifecycle.onStop('database', async () => await database.end());
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

  const metrics = createOrdersMetrics(registry);
  const writing = { database, codec, ordersTopic: config.ORDERS_TOPIC, afterCommit: wakeUp.wake, metrics };
  const createOrder = prepareCreateOrder(writing);
  lifecycle.onStop('create-order', createOrder.stop);
  const overdueMs = config.SWEEP_OVERDUE_MS;
  createOrdersGauges(registry, { database, overdueMs, queueLength: createOrder.queueLength });
  const server = await startGrpcServer({
    host: config.GRPC_HOST,
    port: config.GRPC_PORT,
    connectionAgeMs: config.GRPC_CONNECTION_AGE_MS,
    services: [ordersService({ database, createOrder })],
    descriptors: loadOrdersDescriptors(),
    // More than the queue of calls that wait for their batch: that one decides.
    callsMax: 12_000,
    logger,
    registry,
  });
  lifecycle.onStop('grpc', server.stop);
  server.setServing(true);
  // Orders can be taken while Kafka or Payments is away, so neither holds readiness back.
  isReady = async () => await isAnswering(database);

  const payments = createPaymentsClient(config.PAYMENTS_GRPC_URL);
  lifecycle.onStop('payments-client', async () => payments.close());
  const sweeper = startSweeper({
    ...writing,
    payments,
    logger,
    databaseUrl: config.DATABASE_URL,
    overdueMs,
    intervalMs: config.SWEEP_INTERVAL_MS,
    backoffMs: config.SWEEP_BACKOFF_MS,
    onFatal: lifecycle.fail,
  });
  lifecycle.onStop('sweeper', sweeper.stop);
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
    kafka: createKafka({ clientId: 'orders', brokers: config.KAFKA_BROKERS, tls: kafkaTls(config), logger }),
    groupId: config.KAFKA_GROUP_ID,
    sessionTimeoutMs: config.KAFKA_SESSION_TIMEOUT_MS,
    topic: config.PAYMENTS_TOPIC,
    codec,
    database,
    apply: applyPaymentOutcomes(metrics),
    logger,
    registry,
    onFatal: lifecycle.fail,
  });
  lifecycle.onStop('consumer', consumer.stop);
  await consumer.started;
}
