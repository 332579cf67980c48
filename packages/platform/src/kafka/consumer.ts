import type { Batch, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { backoffMs, keepTrying, sleep } from '../backoff.ts';
import { createBatchQueue } from '../batch-queue.ts';
import type { Database } from '../db/pool.ts';
import { errorKind } from '../db/sql-state.ts';
import type { Logger } from '../logger.ts';
import type { Stoppable } from '../metrics.ts';
import { seam } from '../seam.ts';
import { createOffsetCommits, type OffsetCommits } from './commit-offsets.ts';
import type { EventRecord } from './envelope.ts';
import { RegistryUnavailableError, type EventCodec } from './event-codec.ts';
import {
  decodeAll,
  mergeDecoded,
  processDecoded,
  sizeOfDecoded,
  type ApplyEvents,
  type DecodedRecords,
} from './process-records.ts';

// The more events, the cheaper each: 67, 58 and 50 us of PostgreSQL's processor time at 300, 500 and 1,000 of them, and a lone
// partition is an eighth faster at 1,000 than at 500. But a transaction holds its locks until its end, 60 to 90 ms at 1,000.
const subBatchSize = 1_000;
// Three transactions at a time keep the database busy while one of them is prepared or commits. (What is tried again alone is
// besides: one a partition.)
const transactionsConcurrently = 3;
// More partitions than a topic has here: each brings what it has, and what waits shares a transaction.
const partitionsConcurrently = 16;
const heartbeatIntervalMaxMs = 2_000;
// Below what a stop or a rebalance may wait.
const fetchWaitMs = 500;
const brokerAnswerLimitMs = 5_000;
const disconnectLimitMs = 8_000;

export interface ConsumerOptions {
  kafka: Kafka;
  groupId: string;
  /** How long the broker waits for a member that died before it gives its partitions to others. Default: 10 s. */
  sessionTimeoutMs?: number;
  topic: string;
  codec: EventCodec;
  database: Database;
  apply: ApplyEvents;
  /** After each commit that applied something, such as to wake the relay. */
  afterCommit?: () => void;
  logger: Logger;
  registry: Registry;
  /** Who made no progress for that long never will. Default: 2 min, far beyond any statement and any rebalance. */
  watchdogMs?: number;
  /** The consumer cannot go on; the process has to end and be started again. */
  onFatal: (why: Error) => void;
}

export interface RunningConsumer extends Stoppable {
  /** Resolves when it has joined its group. It can be stopped before. */
  readonly started: Promise<void>;
}

/**
 * Consumes a topic in batches, each event exactly once as far as the database can see: the inbox row, what the event
 * causes, and the dead letters are one transaction, and the offset is resolved after its commit.
 * What passes by itself (database, registry) is retried in place; what is a bug ends the process.
 */
export function startConsumer(options: ConsumerOptions): RunningConsumer {
  const { kafka, topic, sessionTimeoutMs = 10_000, watchdogMs = 120_000 } = options;
  const heartbeatIntervalMs = Math.min(sessionTimeoutMs / 4, heartbeatIntervalMaxMs);
  const consumer = kafka.consumer({
    groupId: options.groupId,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: 30_000,
    heartbeatInterval: heartbeatIntervalMs,
    allowAutoTopicCreation: false,
    // An idle consumer asks so often: the broker answers at once when there is something. At 100 ms an idle platform took
    // 13 % of a core in Kafka, at 500 ms 7 %.
    maxWaitTimeInMs: fetchWaitMs,
    // What a process holds of a backlog: 173 MB resident with 10^6 orders behind, 192 MB without the limit of them all together,
    // 217 MB at 512 KiB a partition; settling takes as long. kafkajs asks for the partitions in random order, so none waits for ever.
    maxBytesPerPartition: 256 * 1024,
    maxBytes: 1024 * 1024,
    // Whatever can be retried restarts the consumer inside the process; the watchdog bounds it.
    retry: { retries: 5, restartOnFailure: async () => true },
  });
  const metrics = createConsumerMetrics(options.registry);
  const transactions = prepareTransactions(options, metrics);
  const commits = createOffsetCommits();
  let lastProgressMs = Date.now();
  let isSuspect = false;
  const progress = (): void => {
    lastProgressMs = Date.now();
    isSuspect = false;
  };
  consumer.on(consumer.events.GROUP_JOIN, () => {
    progress();
    commits.forget();
    // Partitions that are others' now must not be reported here.
    metrics.lag.reset();
  });
  consumer.on(consumer.events.FETCH, progress);
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    // kafkajs would keep the process alive with a dead consumer in it.
    if (!payload.restart) options.onFatal(new Error('the consumer crashed', { cause: payload.error }));
  });
  const inHand = new Set<Attempt>();
  const isAnswering = askBroker(kafka);
  const watchdog = setInterval(() => {
    for (const attempt of inHand) {
      if (Date.now() - attempt.sinceMs < watchdogMs) continue;
      // The process may have stood still itself, and go on now.
      if (attempt.isSuspect) return options.onFatal(new Error('a batch is stuck'));
      attempt.isSuspect = true;
    }
    if (Date.now() - lastProgressMs < watchdogMs) return;
    void isAnswering().then((answering) => {
      // Nothing to be gained by a restart: the broker is away, and what does not need it goes on.
      if (!answering) progress();
      // It may have come back a moment ago, and the consumer be about to join.
      else if (!isSuspect) isSuspect = true;
      else options.onFatal(new Error('the consumer made no progress'));
    });
  }, watchdogMs / 10);
  watchdog.unref();

  const stopping = new AbortController();
  const subscribe = async (): Promise<void> => {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
  };
  const start = async (): Promise<void> => {
    await keepTrying(subscribe, stopping.signal, async (error, attempt) => {
      options.logger.warn({ err: error, topic, attempt }, 'waiting for Kafka');
      // A connection that broke half-way is otherwise taken for one that is there.
      await consumer.disconnect().catch(() => {});
    });
    if (stopping.signal.aborted) return;
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: partitionsConcurrently,
      eachBatch: async (payload) => {
        try {
          await processBatch(payload, options, metrics, {
            transactions,
            commits,
            stopping: stopping.signal,
            inHand,
            progress,
            heartbeatIntervalMs,
          });
        } catch (error) {
          // kafkajs rejoins the group on its own errors. Any other would stop it for good or go round for ever.
          if (isKafkaError(error)) throw error;
          options.onFatal(new Error('a batch cannot be processed', { cause: error }));
          await sleep(60_000, stopping.signal);
        }
      },
    });
  };
  const started = start();
  return {
    started,
    stop: async () => {
      clearInterval(watchdog);
      stopping.abort();
      const committed = commits.last();
      // What it needs must not be taken from it while it may still receive a batch, so one that is joining is waited for,
      // too. With its broker away, kafkajs waits for ever.
      const ended = Promise.all([started.catch(() => {}), committed]).then(() => consumer.disconnect());
      await Promise.race([ended, sleep(disconnectLimitMs)]);
    },
  };
}

/**
 * Asks whether the broker answers. One question at a time, and the same one until it is answered: kafkajs goes on trying to
 * connect for ever, also for an admin client that was told to disconnect.
 */
function askBroker(kafka: Kafka): () => Promise<boolean> {
  let asking: Promise<boolean> | undefined;
  const ask = async (): Promise<boolean> => {
    const admin = kafka.admin();
    try {
      await admin.listTopics();
      return true;
    } catch {
      return false;
    } finally {
      asking = undefined;
      await admin.disconnect().catch(() => {});
    }
  };
  return async () => await Promise.race([(asking ??= ask()), sleep(brokerAnswerLimitMs).then(() => false)]);
}

type Metrics = ReturnType<typeof createConsumerMetrics>;

interface Transactions {
  share(decoded: DecodedRecords): Promise<void>;
  alone(decoded: DecodedRecords): Promise<void>;
}

/**
 * Records of several partitions that wait at the same time share a transaction: when little waits in each, which is whenever
 * the consumer keeps up, a transaction for each partition's two or three events costs many times as much an event.
 * They are decoded before, so that one that waits for the registry is in no other's transaction. It still holds up the fetches:
 * kafkajs asks a broker again only when all batches of its last answer are done.
 */
function prepareTransactions(options: ConsumerOptions, metrics: Metrics): Transactions {
  const { topic } = options;
  const alone = async (decoded: DecodedRecords): Promise<void> => {
    const stopTimer = metrics.duration.startTimer({ topic });
    try {
      const outcome = await processDecoded(options, decoded);
      for (const [result, count] of Object.entries(outcome) as Array<[string, number]>)
        metrics.records.inc({ topic, result }, count);
      if (outcome.applied > 0) options.afterCommit?.();
    } finally {
      stopTimer();
    }
  };
  const limits = {
    slots: transactionsConcurrently,
    batchSizeMax: subBatchSize,
    // Each partition has one batch in hand.
    lengthMax: Number.MAX_SAFE_INTEGER,
  };
  const queue = createBatchQueue<DecodedRecords, void>(
    limits,
    async (waiting) => {
      await alone(mergeDecoded(waiting.map(({ item }) => item)));
      for (const { resolve } of waiting) resolve();
    },
    sizeOfDecoded,
  );
  return { alone, share: async (decoded) => await queue.add(decoded, Number.MAX_SAFE_INTEGER) };
}

/** One go at a batch. Other partitions may make progress beside it, so it is looked at by itself. */
interface Attempt {
  readonly sinceMs: number;
  isSuspect: boolean;
}

interface Run {
  readonly transactions: Transactions;
  readonly commits: OffsetCommits;
  readonly stopping: AbortSignal;
  /** The attempts under way, which the watchdog looks at. */
  readonly inHand: Set<Attempt>;
  /** An attempt has ended, well or not: what waits and tries again is not stuck, although nothing is fetched meanwhile. */
  readonly progress: () => void;
  readonly heartbeatIntervalMs: number;
}

async function processBatch(
  payload: EachBatchPayload,
  options: ConsumerOptions,
  metrics: Metrics,
  { transactions, commits, stopping, inHand, progress, heartbeatIntervalMs }: Run,
): Promise<void> {
  const { batch, heartbeat, isRunning, isStale, resolveOffset } = payload;
  const { topic, partition, messages } = batch;
  for (let start = 0; start < messages.length; start += subBatchSize) {
    const slice = messages.slice(start, start + subBatchSize);
    seam('consumer.fetched');
    const records = slice.map((message) => toRecord(batch, message));
    for (let attempt = 0; ; attempt++) {
      // After a seek, or when the process stops, the rest is read again. (A rebalance shows as a heartbeat that throws.)
      if (!isRunning() || isStale() || stopping.aborted) return;
      const beat = keepBeating(heartbeat, heartbeatIntervalMs);
      const underWay: Attempt = { sinceMs: Date.now(), isSuspect: false };
      inHand.add(underWay);
      try {
        const decoded = await decodeAll(options.codec, records);
        // Alone after a failure: what one partition waits for, such as a locked row, must not fail the others again.
        await (attempt === 0 ? transactions.share(decoded) : transactions.alone(decoded));
        break;
      } catch (error) {
        const passes = error instanceof RegistryUnavailableError || errorKind(error) === 'transient';
        if (!passes) throw error;
        options.logger.warn({ err: error, topic, partition, attempt }, 'a batch waits for what it needs, trying again');
        metrics.retries.inc({ topic });
        await sleep(backoffMs(attempt, { baseMs: 50, maxMs: 2_000 }), stopping);
      } finally {
        clearInterval(beat);
        inHand.delete(underWay);
        progress();
      }
      await heartbeat();
    }
    seam('consumer.committed');
    const last = slice.at(-1);
    if (last) resolveOffset(last.offset);
    seam('consumer.resolved');
    commits.soon(payload);
    if (stopping.aborted) await commits.last();
    metrics.lag.set({ topic, partition }, Number(BigInt(batch.highWatermark) - 1n - BigInt(last?.offset ?? 0)));
    await heartbeat();
  }
}

/** A transaction may outlast the session time-out; without a heartbeat the partition would be given away meanwhile. */
function keepBeating(heartbeat: () => Promise<void>, intervalMs: number): NodeJS.Timeout {
  // A failed beat shows at the next awaited one.
  return setInterval(() => void heartbeat().catch(() => {}), intervalMs);
}

function toRecord({ topic, partition }: Batch, message: KafkaMessage): EventRecord {
  const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [
    toJsonText(name),
    toJsonText(String(Array.isArray(value) ? value[0] : value)),
  ]);
  return {
    topic,
    partition,
    offset: BigInt(message.offset),
    key: message.key,
    value: message.value,
    timestampMs: Number(message.timestamp),
    headers: Object.fromEntries(headers) as Record<string, string>,
  };
}

/** PostgreSQL's jsonb takes neither NUL nor a lone surrogate, and a dead letter must never be refused. */
function toJsonText(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}

function isKafkaError(error: unknown): boolean {
  return error instanceof Error && error.name.startsWith('KafkaJS');
}

function createConsumerMetrics(registry: Registry) {
  const registers = [registry];
  return {
    records: new Counter({
      name: 'consumer_records_total',
      help: 'Records by what became of them',
      labelNames: ['topic', 'result'],
      registers,
    }),
    retries: new Counter({
      name: 'consumer_retries_total',
      help: 'Sub-batches that waited for the database or the registry',
      labelNames: ['topic'],
      registers,
    }),
    lag: new Gauge({
      name: 'consumer_lag_records',
      help: 'Records in the partition behind the last applied one',
      labelNames: ['topic', 'partition'],
      registers,
    }),
    duration: new Histogram({
      name: 'consumer_sub_batch_seconds',
      help: 'Time of one sub-batch in its transaction',
      labelNames: ['topic'],
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
      registers,
    }),
  };
}
