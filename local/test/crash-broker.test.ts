import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { kafkaPart, newClusterId } from '../src/infrastructure/kafka.ts';
import { withKafkaAdmin } from '../src/infrastructure/topics.ts';
import { nodeService } from '../src/node-part.ts';
import type { Part } from '../src/process/part.ts';
import { startPart } from '../src/process/run-part.ts';
import type { RunningPart } from '../src/process/run-part.ts';
import { endOffsets } from '../src/test-kit/consumer-groups.ts';
import { eventually } from '../src/test-kit/eventually.ts';
import { createDatabase, freePort, infrastructure } from '../src/test-kit/infrastructure.ts';
import type { TestDatabase } from '../src/test-kit/infrastructure.ts';
import { readTopic } from '../src/test-kit/read-topic.ts';
import type { TopicRecord } from '../src/test-kit/read-topic.ts';

// A relay between a database and two brokers, of which the second dies: with one broker alone no batch is half answered.

const MINUTE_MS = 60_000;
const topic = 'two.brokers';
/** Who leads each partition, unless it is dead: half of every batch goes to each broker. */
const leaders = [1, 2, 1, 2, 1, 2];
const KEYS = 100;
/** At most 1,000 events a second. */
const FLOW = { events: 20, everyMs: 20 };
/** Long enough for events in every partition. */
const FLOW_MS = 500;
/**
 * Ways to die, from a moment when nothing is under way: in the midst of sending; while neither broker can acknowledge what it has,
 * for the second hangs; and when that one has hung for longer than the controller waits for its heartbeat (3 s), though not for as
 * long as the relay waits for its answer (10 s). Then the first has acknowledged its half of a batch, and leads for the other half.
 */
const DEATHS = [
  { hangs: false, afterMs: 500 },
  { hangs: true, afterMs: 500 },
  { hangs: true, afterMs: 6_000 },
];

const undo: Array<() => Promise<unknown>> = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
}, MINUTE_MS);

test(
  'events that are under way when one of two brokers dies are all told, and in order for each key',
  async () => {
    const { directory: runDirectory } = await infrastructure();
    const directory = join(runDirectory, `brokers-${await freePort()}`);
    undo.push(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
    const [database, cluster] = await Promise.all([openDatabase(), startCluster(directory)]);
    await start(await relayPart(database, cluster.brokers), directory);
    const flow = createFlow(database.pool);
    flow.resume();
    for (const { hangs, afterMs } of DEATHS) {
      // Once what came meanwhile has been sent, the relay knows who leads again: until it is refused, it sends all to the first.
      await sleep(FLOW_MS);
      await flow.pause();
      await untilEmpty(database.pool);
      const second = cluster.second();
      if (hangs) second.kill('SIGSTOP');
      flow.resume();
      await sleep(afterMs);
      second.kill('SIGKILL');
      await second.exited;
      await untilPartitions(cluster.brokers, { leaders: leaders.map(() => 1), inSync: 1 });
      await cluster.startSecond();
      await untilPartitions(cluster.brokers, { leaders, inSync: 2 });
    }
    const events = await flow.pause();
    await untilEmpty(database.pool);
    // A leader that is back knows no end before the other has asked for it.
    const ends = await eventually(() => endOffsets(cluster.brokers, topic), { timeoutMs: 10_000 });
    const records = await readTopic(topic, Number(ends.reduce((sum, end) => sum + end)), { brokers: cluster.brokers });
    expect(findings(records, events)).toEqual({ missing: 0, keysOutOfOrder: [] });
    // A batch that is half answered is sent again as a whole. Without one nothing was under way, and nothing was tested.
    expect(records.length).toBeGreaterThan(events);
  },
  3 * MINUTE_MS,
);

interface Cluster {
  /** Addresses of both. */
  readonly brokers: string;
  second(): RunningPart;
  startSecond(): Promise<void>;
}

/** Two brokers and the topic. The first is the controller, and stays. */
async function startCluster(directory: string): Promise<Cluster> {
  const [controllerPort, ...ports] = [await freePort(), await freePort(), await freePort()];
  const clusterId = newClusterId();
  const [first, secondPart] = ports.map((port, index) =>
    kafkaPart({
      name: `kafka-${index + 1}`,
      port,
      directory: join(directory, `kafka-${index + 1}`),
      topics: [],
      member: { nodeId: index + 1, clusterId, controllerPort },
      say: () => undefined,
    }),
  );
  if (first === undefined || secondPart === undefined) throw new Error('There are not two brokers.');
  const brokers = ports.map((port) => `127.0.0.1:${port}`).join(',');
  let [, second] = await Promise.all([start(first, directory), start(secondPart, directory)]);
  const replicaAssignment = leaders.map((leader, partition) => ({ partition, replicas: [leader, 3 - leader] }));
  await withKafkaAdmin(brokers, (admin) =>
    admin.createTopics({ waitForLeaders: false, topics: [{ topic, replicaAssignment }] }),
  );
  await untilPartitions(brokers, { leaders, inSync: 2 });
  return {
    brokers,
    second: () => second,
    startSecond: async () => {
      second = await start(secondPart, directory);
    },
  };
}

async function start(part: Part, directory: string): Promise<RunningPart> {
  const running = await startPart(part, { logs: directory, pids: directory });
  undo.push(async () => {
    running.kill('SIGKILL');
    await running.exited;
  });
  return running;
}

async function untilPartitions(brokers: string, wanted: { leaders: number[]; inSync: number }): Promise<void> {
  const look = async (): Promise<void> => {
    const { topics } = await withKafkaAdmin(brokers, (admin) => admin.fetchTopicMetadata({ topics: [topic] }));
    const partitions = topics[0]?.partitions.toSorted((a, b) => a.partitionId - b.partitionId) ?? [];
    expect(partitions.map(({ leader, isr }) => [leader, isr.length])).toEqual(
      wanted.leaders.map((leader) => [leader, wanted.inSync]),
    );
  };
  await eventually(look, { timeoutMs: 30_000 });
}

async function openDatabase(): Promise<TestDatabase & { pool: pg.Pool }> {
  const database = await createDatabase('payments');
  undo.push(() => database.drop());
  const pool = new pg.Pool({ connectionString: database.urls.superuser });
  undo.push(() => pool.end());
  return { ...database, pool };
}

/** As parts.ts starts it, for a database and brokers of the test's own. */
async function relayPart(database: TestDatabase, brokers: string): Promise<Part> {
  return nodeService({
    name: 'outbox-relay',
    entry: 'services/outbox-relay/src/main.ts',
    after: [],
    stopTimeoutMs: 6_000,
    metricsPort: await freePort(),
    env: { RELAY_NAME: 'payments', DATABASE_URL: database.urls.relay, KAFKA_BROKERS: brokers, LOG_LEVEL: 'warn' },
  });
}

interface Flow {
  resume(): void;
  /** Resolves with how many events there are. */
  pause(): Promise<number>;
}

/** Appends events, numbered from 1 and each with the key of its number. */
function createFlow(pool: pg.Pool): Flow {
  let events = 0;
  let paused = true;
  let running = Promise.resolve();
  const run = async (): Promise<void> => {
    for (; !paused; events += FLOW.events) {
      await pool.query(
        `insert into outbox (event_id, topic, key, payload)
         select gen_random_uuid(), $1, n % $4, convert_to(n::text, 'UTF8') from generate_series($2::int, $3::int) n order by n`,
        [topic, events + 1, events + FLOW.events, KEYS],
      );
      await sleep(FLOW.everyMs);
    }
  };
  return {
    resume: () => {
      paused = false;
      running = run();
      // Its failure is told to whoever pauses it.
      running.catch(() => undefined);
    },
    pause: async () => {
      paused = true;
      await running;
      return events;
    },
  };
}

async function untilEmpty(pool: pg.Pool): Promise<void> {
  const look = async (): Promise<void> => {
    const { rows } = await pool.query<{ size: number }>('select count(*)::int as size from outbox');
    expect(rows).toEqual([{ size: 0 }]);
  };
  await eventually(look, { timeoutMs: 30_000 });
}

/** An event may be told again; what counts is when it was told first. */
function findings(records: readonly TopicRecord[], events: number): { missing: number; keysOutOfOrder: string[] } {
  const told = new Map<string, Set<number>>();
  for (const { key = '', value } of records)
    told.set(key, (told.get(key) ?? new Set<number>()).add(Number(value?.toString())));
  const numbers = [...told.values()].reduce((sum, ofKey) => sum + ofKey.size, 0);
  const keysOutOfOrder = [...told]
    .filter(([, ofKey]) => [...ofKey].some((number, index, all) => number < (all[index - 1] ?? 0)))
    .map(([key]) => key);
  return { missing: events - numbers, keysOutOfOrder };
}
