import { loadConfig } from '@order-payments/platform/config.ts';
import { campaign, type Campaign } from '@order-payments/platform/db/leadership.ts';
import { createPool } from '@order-payments/platform/db/pool.ts';
import { asynchronousCommits, withSessionSettings } from '@order-payments/platform/db/session-settings.ts';
import { createKafka } from '@order-payments/platform/kafka/client.ts';
import { runProcess } from '@order-payments/platform/lifecycle.ts';
import { createLogger } from '@order-payments/platform/logger.ts';
import { createMetrics, startMetricsServer } from '@order-payments/platform/metrics.ts';
import { listenForWakeUp } from '@order-payments/platform/outbox/wake-up.ts';
import { filesOf, kafkaTls } from '@order-payments/platform/tls.ts';
import { createAlarm } from './alarm.ts';
import { configSchema } from './config.ts';
import { createRelayMetrics } from './metrics.ts';
import { createPublisher } from './publisher.ts';
import { relay } from './relay.ts';

const config = loadConfig(configSchema);
const service = `outbox-relay-${config.RELAY_NAME}`;
const logger = createLogger({ service, level: config.LOG_LEVEL });

await runProcess({ logger, files: filesOf(config) }, async (lifecycle) => {
  const registry = createMetrics();
  const state: { campaign?: Campaign } = {};
  const metricsServer = await startMetricsServer({
    host: config.METRICS_HOST,
    port: config.METRICS_PORT,
    registry,
    isReady: () => !lifecycle.stopping.aborted && state.campaign?.isReady() === true,
  });
  lifecycle.onStop('metrics', metricsServer.stop);
  const databaseUrl = withSessionSettings(config.DATABASE_URL, {
    // All it commits are deletes of what Kafka has acknowledged. One that is lost makes a duplicate.
    ...asynchronousCommits,
    // The primary key's order is all it asks for, and one plan is right for every read. An outbox that looks small is otherwise
    // read by way of a bitmap, which meets the deleted rows anew each time, where an index scan marks them: a read of one row
    // took 0.9 ms, and takes 0.6.
    enable_bitmapscan: 'off',
    enable_seqscan: 'off',
  });
  // One session reads while another deletes, a third looks for rows that committed late, a fourth measures the oldest row's age.
  const database = await createPool({
    url: databaseUrl,
    applicationName: service,
    size: 4,
    logger,
  });
  lifecycle.onStop('database', () => database.end());
  const patientDatabase = await createPool({
    url: databaseUrl,
    applicationName: service,
    size: 1,
    statementTimeoutMs: 300_000,
    logger,
  });
  lifecycle.onStop('patient database', () => patientDatabase.end());
  // Bounded, so that a relay that lost its leadership or is stopped while Kafka is away notices.
  const kafka = createKafka({
    clientId: service,
    brokers: config.KAFKA_BROKERS,
    tls: kafkaTls(config),
    logger,
    retries: 3,
  });
  const publisher = createPublisher(kafka, logger);
  lifecycle.onStop('producer', publisher.close);
  const alarm = createAlarm();
  const listener = listenForWakeUp({ databaseUrl: config.DATABASE_URL, logger, onWake: alarm.ring });
  lifecycle.onStop('wake-up', listener.stop);
  const metrics = createRelayMetrics(registry, { database, isLeader: () => state.campaign?.isLeader() === true });
  const running = campaign({
    databaseUrl: config.DATABASE_URL,
    name: 'outbox relay',
    logger,
    stopping: lifecycle.stopping,
    lead: (signal) => relay({ database, patientDatabase, publisher, alarm, metrics }, signal),
  });
  state.campaign = running;
  lifecycle.onStop('relay', () => running.ended);
});
