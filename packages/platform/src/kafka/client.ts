import { createRequire } from 'node:module';
import { Kafka, logLevel, Partitioners, type ISocketFactory, type Producer } from 'kafkajs';
import type { Logger } from '../logger.ts';
import type { KafkaTls } from '../tls.ts';

/** kafkajs's own queue of the requests of one connection, as far as it is mended here. */
interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

// It looks after waiting requests by a timer that it always sets again, with a negative time where none waits, which Node takes
// for 1 ms: a thousand looks a second on each connection, for ever. An idle service used 4 % of a core so.
const { prototype: requestQueue } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as {
  prototype: RequestQueue;
};
const schedule = Reflect.get<object, string>(requestQueue, 'scheduleCheckPendingRequests') as (
  this: RequestQueue,
) => void;
requestQueue.scheduleCheckPendingRequests = function () {
  if (this.pending.length > 0) schedule.call(this);
};

const createSocket = (createRequire(import.meta.url)('kafkajs/src/network/socketFactory') as () => ISocketFactory)();

/** kafkajs's own sockets, but a request is sent at once, and not when what was sent before it has been acknowledged. */
const socketFactory: ISocketFactory = (options) => createSocket(options).setNoDelay(true);

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
    createPartitioner: Partitioners.DefaultPartitioner,
    // Bounded: whoever sends decides what follows a failure (the relay takes a new producer).
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 },
  });
}
