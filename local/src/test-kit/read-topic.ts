import { Kafka, logLevel } from 'kafkajs';
import { randomUUID } from 'node:crypto';
import { infrastructure } from './infrastructure.ts';

export interface TopicRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string | undefined;
  readonly value: Buffer | null;
}

/** All records from the topic's beginning, until there are so many or the time is over; more, if they come together. */
export async function readTopic(
  topic: string,
  count: number,
  { brokers, timeoutMs = 20_000 }: { /** Those of the run unless given. */ brokers?: string; timeoutMs?: number } = {},
): Promise<TopicRecord[]> {
  const { kafkaBrokers } = await infrastructure();
  const consumer = new Kafka({ brokers: (brokers ?? kafkaBrokers).split(','), logLevel: logLevel.NOTHING }).consumer({
    groupId: `reader-${randomUUID()}`,
  });
  const records: TopicRecord[] = [];
  const enough = Promise.withResolvers<void>();
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const timeout = setTimeout(enough.resolve, timeoutMs);
  await consumer.run({
    eachBatch: async ({ batch }) => {
      for (const { offset, key, value } of batch.messages)
        records.push({ partition: batch.partition, offset: BigInt(offset), key: key?.toString(), value });
      if (records.length >= count) enough.resolve();
    },
  });
  await enough.promise;
  clearTimeout(timeout);
  await consumer.disconnect();
  return records;
}
