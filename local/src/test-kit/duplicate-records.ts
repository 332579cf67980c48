import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import type { KafkaMessage, Message } from 'kafkajs';
// It goes on while Kafka is killed.
import '@order-payments/platform/kafka/mended-kafkajs.ts';
import { endOffsets } from './consumer-groups.ts';
import { eventually } from './eventually.ts';

const COPY_HEADER = 'copy';
/** Every tenth copy comes this late, after many younger records of its key. */
const ONE_IN = 10;
const LATE_MS = 1_500;
const PARTITIONS = 12;

export interface Duplicator {
  /** How many records of the topic were sent once more. */
  copied(topic: string): number;
  /** Resolves when every record that is in the topics was sent once more. */
  untilAllCopied(timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Reads the topics, from their beginning unless told otherwise, and sends each record once more with the same key, one in ten out of order.
 * `intoOthers`: and at once into so many other partitions, so that several consumers have it in hand.
 */
export async function duplicateRecords(
  brokers: string,
  topics: readonly string[],
  { fromBeginning = true, intoOthers = 0 }: { fromBeginning?: boolean; intoOthers?: number } = {},
): Promise<Duplicator> {
  const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  const consumer = kafka.consumer({ groupId: `duplicator-${randomUUID()}`, minBytes: 32_768, maxWaitTimeInMs: 250 });
  const copied = new Map(topics.map((topic) => [topic, 0]));
  const late = new Set<Promise<void>>();
  const send = async (topic: string, messages: Message[]): Promise<void> => {
    if (messages.length === 0) return;
    await producer.send({ topic, messages });
    copied.set(topic, (copied.get(topic) ?? 0) + messages.length);
  };
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topics: [...topics], fromBeginning });
  await consumer.run({
    partitionsConsumedConcurrently: 6,
    eachBatch: async ({ batch }) => {
      const originals = batch.messages.filter(({ headers }) => headers?.[COPY_HEADER] === undefined);
      const isLate = ({ offset }: KafkaMessage): boolean => Number(offset) % ONE_IN === 0;
      const overdue = originals.filter(isLate).map(copyOf);
      const sending = sleep(LATE_MS)
        .then(() => send(batch.topic, overdue))
        // Kafka may be away by then: what was not sent is not counted.
        .catch(() => undefined)
        .finally(() => late.delete(sending));
      late.add(sending);
      const prompt = originals.filter((message) => !isLate(message)).map(copyOf);
      const others = Array.from({ length: intoOthers }, (_, step) => (batch.partition + 1 + step) % PARTITIONS);
      await send(batch.topic, [
        ...prompt,
        ...others.flatMap((partition) => originals.map((message) => ({ ...copyOf(message), partition }))),
      ]);
    },
  });
  return {
    copied: (topic) => copied.get(topic) ?? 0,
    untilAllCopied: async (timeoutMs) => {
      const check = async (): Promise<void> => {
        for (const topic of topics) {
          const ends = await endOffsets(brokers, topic);
          const records = ends.reduce((sum, end) => sum + Number(end), 0);
          if (records !== 2 * (copied.get(topic) ?? 0))
            throw new Error(`${topic} has ${records} records, ${copied.get(topic)} of them copies.`);
        }
      };
      await eventually(check, { timeoutMs });
    },
    stop: async () => {
      await consumer.disconnect();
      await Promise.all(late);
      await producer.disconnect();
    },
  };
}

function copyOf({ key, value }: KafkaMessage): Message {
  return { key, value, headers: { [COPY_HEADER]: '1' } };
}
