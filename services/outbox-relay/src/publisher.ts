import { createIdempotentProducer, type IdempotentProducer } from '@order-payments/platform/kafka/client.ts';
import type { Logger } from '@order-payments/platform/logger.ts';
import type { Kafka } from 'kafkajs';
import type { OutboxRow } from './store/outbox-rows.ts';

export interface Publisher {
  /** Resolves when Kafka has acknowledged all of the rows. After a rejection any part of them may be in the topic. */
  publish(rows: readonly OutboxRow[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * One idempotent producer, and a new one after a failure: an idempotent producer that lost count of its sequence
 * numbers fails for ever. What the old one may have sent is then sent again, which consumers take for a duplicate.
 */
export function createPublisher(kafka: Kafka, logger: Logger): Publisher {
  let connected: Promise<IdempotentProducer> | undefined;
  const connect = async (): Promise<IdempotentProducer> => {
    const producer = createIdempotentProducer(kafka);
    try {
      await producer.connect();
    } catch (error) {
      // It may have opened its connections and got no producer id; nobody else knows of it.
      await producer.disconnect().catch(() => {});
      throw error;
    }
    return producer;
  };
  const close = async (): Promise<void> => {
    const closing = connected;
    connected = undefined;
    await closing?.then((producer) => producer.disconnect()).catch(() => {});
  };
  return {
    async publish(rows) {
      connected ??= connect();
      try {
        const producer = await connected;
        await producer.sendBatch({ acks: -1, topicMessages: byTopic(rows) });
      } catch (error) {
        logger.warn({ err: error, rows: rows.length }, 'publishing failed, taking a new producer');
        await close();
        throw error;
      }
    },
    close,
  };
}

function byTopic(
  rows: readonly OutboxRow[],
): Array<{ topic: string; messages: Array<{ key: string; value: Buffer }> }> {
  const topics = new Map<string, Array<{ key: string; value: Buffer }>>();
  for (const { topic, key, payload } of rows) {
    const messages = topics.get(topic) ?? [];
    messages.push({ key, value: payload });
    topics.set(topic, messages);
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}
