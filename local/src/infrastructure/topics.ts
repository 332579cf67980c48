import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import type { Admin, KafkaConfig } from 'kafkajs';

/** As the chart installs it: the count is fixed, for a user's events keep their order only within one partition. */
export const PARTITIONS = 12;

/** What opens the connections, where an address of a broker does not lead to it. */
export type Sockets = Pick<KafkaConfig, 'socketFactory'>;

/** Asks Kafka once, without kafkajs's own patience: whoever polls decides how often. */
export async function withKafkaAdmin<T>(
  brokers: string,
  work: (admin: Admin) => Promise<T>,
  sockets: Sockets = {},
): Promise<T> {
  const admin = new Kafka({
    clientId: 'order-payments-local',
    brokers: brokers.split(','),
    logLevel: logLevel.NOTHING,
    connectionTimeout: 10_000,
    retry: { retries: 0 },
    ...sockets,
  }).admin();
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Creates the topics that are not there yet. */
export async function createTopics(brokers: string, topics: readonly string[]): Promise<void> {
  await withKafkaAdmin(brokers, async (admin) => {
    const there = new Set(await admin.listTopics());
    const missing = topics.filter((topic) => !there.has(topic));
    if (missing.length === 0) return;
    await admin.createTopics({
      waitForLeaders: false,
      topics: missing.map((topic) => ({
        topic,
        numPartitions: PARTITIONS,
        replicationFactor: 1,
        // kafkajs has no snappy, lz4 or zstd; a topic of its own codec would be unreadable to it.
        configEntries: [{ name: 'compression.type', value: 'uncompressed' }],
      })),
    });
    await untilLed(admin, missing);
  });
}

const LEADERS_TIMEOUT_MS = 10_000;

/**
 * kafkajs's own wait gives up at once where the broker has not heard of the topic yet, which happens under load; and what leads by
 * the metadata may not lead yet, so each is asked for its offsets.
 */
async function untilLed(admin: Admin, topics: string[]): Promise<void> {
  const deadline = Date.now() + LEADERS_TIMEOUT_MS;
  for (;;) {
    try {
      await admin.fetchTopicMetadata({ topics });
      for (const topic of topics) await admin.fetchTopicOffsets(topic);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(100);
  }
}
