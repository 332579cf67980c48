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

/** One writer that Kafka deduplicates: a batch that it retries by itself lands once, in order. */
export function createIdempotentProducer(kafka: Kafka): Producer {
  return kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner,
    // Bounded: whoever sends decides what follows a failure (the relay takes a new producer).
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 },
  });
}
