import { Kafka, logLevel, type Producer } from 'kafkajs';
import type { Logger } from '../logger.ts';
import type { KafkaTls } from '../tls.ts';
import { socketFactory } from './mended-kafkajs.ts';
import { createPartitioner } from './partitioner.ts';

/** A Kafka client that writes to the process's log. */
export function createKafka(options: {
  clientId: string;
  brokers: string[];
  /** Without it, plain connections. */
  tls?: KafkaTls | undefined;
  logger: Logger;
  /** How often a connection is tried before whoever waits for it is told. Default: for ever, as a broker that is away comes back. */
  retries?: number;
}): Kafka {
  return new Kafka({
    clientId: options.clientId,
    brokers: options.brokers,
    ...(options.tls && { ssl: options.tls }),
    socketFactory,
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    retry: { initialRetryTime: 100, maxRetryTime: 5_000, retries: options.retries ?? Number.MAX_SAFE_INTEGER },
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => {
      const { message, error, broker } = entry.log as { message: string; error?: string; broker?: string };
      const facts = { kafka: entry.namespace, kafka_error: error, broker };
      // kafkajs logs what it then retries; what it gives up is thrown and logged where it stops.
      if (entry.level <= logLevel.WARN) options.logger.warn(facts, message);
      else options.logger.debug(facts, message);
    },
  });
}

/** What is used of kafkajs's own. */
export type IdempotentProducer = Pick<Producer, 'connect' | 'disconnect' | 'sendBatch'>;

/**
 * One writer that Kafka deduplicates: a batch that it retries by itself lands once, in order. One batch at a time.
 *
 * kafkajs keeps the answers of the brokers that gave one while it tries the others again. Where a partition has moved to one of
 * those meanwhile, as when a broker dies, it sends nothing for it any more and resolves (kafkajs issue 1303). So the answers are
 * compared with what was to be sent; whoever sends has to take a new producer and send all of it again, as after any failure.
 */
export function createIdempotentProducer(kafka: Kafka): IdempotentProducer {
  const unanswered = new Set<string>();
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: () => {
      const choose = createPartitioner();
      return (record) => {
        const partition = choose(record);
        unanswered.add(`${record.topic}-${partition}`);
        return partition;
      };
    },
    // Bounded: whoever sends decides what follows a failure (the relay takes a new producer).
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 },
  });
  return {
    connect: producer.connect,
    disconnect: producer.disconnect,
    async sendBatch(batch) {
      unanswered.clear();
      const answers = await producer.sendBatch(batch);
      for (const { topicName, partition } of answers) unanswered.delete(`${topicName}-${partition}`);
      if (unanswered.size > 0) throw new Error(`kafkajs did not send what was for ${[...unanswered].join(', ')}`);
      return answers;
    },
  };
}
