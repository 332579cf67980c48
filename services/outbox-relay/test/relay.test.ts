import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { eventually } from '@order-payments/local/test-kit/eventually.ts';
import {
  createDatabase,
  createTopic,
  infrastructure,
  type TestDatabase,
} from '@order-payments/local/test-kit/infrastructure.ts';
import { readTopic } from '@order-payments/local/test-kit/read-topic.ts';
import { campaign, type Campaign } from '@order-payments/platform/db/leadership.ts';
import { createPool } from '@order-payments/platform/db/pool.ts';
import { createKafka } from '@order-payments/platform/kafka/client.ts';
import { createLogger } from '@order-payments/platform/logger.ts';
import { createMetrics } from '@order-payments/platform/metrics.ts';
import pg from 'pg';
import { createAlarm } from '../src/alarm.ts';
import { createRelayMetrics } from '../src/metrics.ts';
import { createPublisher } from '../src/publisher.ts';
import { relay } from '../src/relay.ts';

const logger = createLogger({ service: 'test', level: 'silent' });
const undo: Array<() => Promise<unknown>> = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function openDatabase(): Promise<{ database: TestDatabase; client: pg.Client }> {
  const database = await createDatabase('payments');
  undo.push(() => database.drop());
  return { database, client: await connect(database) };
}

async function connect(database: TestDatabase): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.urls.superuser });
  client.on('error', () => {});
  await client.connect();
  undo.push(() => client.end());
  return client;
}

/** A relay as main.ts puts it together, under the role that it has in production. */
async function startRelay(
  database: TestDatabase,
  statementTimeoutMs = 10_000,
): Promise<Campaign & { stop(): Promise<void> }> {
  const { kafkaBrokers } = await infrastructure();
  const pool = await createPool({
    url: database.urls.relay,
    applicationName: 'test-relay',
    size: 3,
    statementTimeoutMs,
  });
  const patientDatabase = await createPool({ url: database.urls.relay, applicationName: 'test-relay', size: 1 });
  const publisher = createPublisher(
    createKafka({ clientId: 'test', brokers: [kafkaBrokers], logger, retries: 3 }),
    logger,
  );
  const stopping = new AbortController();
  const metrics = createRelayMetrics(createMetrics(), { database: pool, isLeader: () => true });
  const alarm = createAlarm();
  const running = campaign({
    databaseUrl: database.urls.relay,
    name: 'outbox relay',
    logger,
    stopping: stopping.signal,
    lead: (signal) => relay({ database: pool, patientDatabase, publisher, alarm, metrics }, signal),
  });
  const stop = async (): Promise<void> => {
    stopping.abort();
    await running.ended;
    await publisher.close();
    await pool.end();
    await patientDatabase.end();
  };
  undo.push(stop);
  return { ...running, stop };
}

async function append(
  client: pg.Client,
  topic: string,
  rows: { from: number; to: number; key?: string; payloadBytes?: number },
): Promise<void> {
  await client.query(
    `insert into outbox (event_id, topic, key, payload)
     select gen_random_uuid(), $1, coalesce($4, 'key-' || n % 20), convert_to(rpad(n::text, $5, ' '), 'UTF8')
     from generate_series($2::int, $3::int) n order by n`,
    [topic, rows.from, rows.to, rows.key ?? null, rows.payloadBytes ?? 10],
  );
}

const numberIn = (value: Buffer | null): number => Number(value?.toString());

async function outboxSize(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ size: string }>('select count(*) as size from outbox');
  return Number(rows[0]?.size);
}

describe('the outbox relay', () => {
  test('publishes every row once, in order for each key, and leaves the outbox empty', async () => {
    const { database, client } = await openDatabase();
    const topic = await createTopic('relay');
    await append(client, topic, { from: 1, to: 5_000 });
    await startRelay(database);
    const records = await readTopic(topic, 5_000);
    expect(records.map(({ value }) => numberIn(value)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 5_000 }, (_, n) => n + 1),
    );
    for (const key of new Set(records.map((record) => record.key))) {
      const numbers = records.filter((record) => record.key === key).map(({ value }) => numberIn(value));
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    }
    await eventually(async () => expect(await outboxSize(client)).toBe(0), { timeoutMs: 10_000 });
  });

  test('goes on where a read takes longer than a statement may, as over deleted rows that an old snapshot keeps', async () => {
    const { database, client } = await openDatabase();
    const topic = await createTopic('relay');
    await append(client, topic, { from: 1, to: 10 });
    await client.query('begin; lock table outbox in access exclusive mode');
    await startRelay(database, 200);
    await client.query('select pg_sleep(1)');
    const relaying = await client.query<{ count: string }>(
      "select count(*) as count from pg_stat_activity where application_name = 'test-relay' and wait_event_type = 'Lock'",
    );
    expect(Number(relaying.rows[0]?.count)).toBeGreaterThan(0);
    await client.query('select pg_sleep(1); commit');
    expect(await readTopic(topic, 10)).toHaveLength(10);
  });

  test('publishes a row that commits after thousands of later ones', async () => {
    const { database, client } = await openDatabase();
    const topic = await createTopic('relay');
    const late = await connect(database);
    await late.query('begin');
    await append(late, topic, { from: 1, to: 1 });
    await append(client, topic, { from: 2, to: 8_000 });
    await startRelay(database);
    await eventually(async () => expect(await outboxSize(client)).toBe(0), { timeoutMs: 20_000 });
    await late.query('commit');
    const records = await readTopic(topic, 8_000);
    expect(records).toHaveLength(8_000);
    expect(numberIn(records.find(({ value }) => numberIn(value) === 1)?.value ?? null)).toBe(1);
  });

  test('sends rows of one key that are too large for one request in several', async () => {
    const { database, client } = await openDatabase();
    const topic = await createTopic('relay');
    await append(client, topic, { from: 1, to: 900, key: 'hot', payloadBytes: 3_000 });
    await startRelay(database);
    const records = await readTopic(topic, 900);
    expect(records.map(({ value }) => numberIn(value))).toEqual(Array.from({ length: 900 }, (_, n) => n + 1));
  });

  test('a standby takes over when the leader loses its session, and no row is lost', async () => {
    const { database, client } = await openDatabase();
    const topic = await createTopic('relay');
    const relays = [await startRelay(database), await startRelay(database)];
    const leaders = () => relays.filter((one) => one.isLeader());
    await eventually(() => expect(leaders()).toHaveLength(1), { timeoutMs: 10_000 });
    const first = leaders()[0];
    let next = 1;
    let sessionsLost = 0;
    for (let round = 0; round < 10; round++) {
      await append(client, topic, { from: next, to: next + 199 });
      next += 200;
      if (round % 3 === 1) {
        const { rowCount } = await client.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'outbox relay leadership' and datname = current_database()",
        );
        sessionsLost += rowCount ?? 0;
      }
    }
    expect(sessionsLost).toBeGreaterThan(0);
    await first?.stop();
    undo.splice(undo.indexOf(first?.stop ?? (async () => {})), 1);
    await append(client, topic, { from: next, to: next });
    await eventually(async () => expect(await outboxSize(client)).toBe(0), { timeoutMs: 20_000 });
    const numbers = new Set((await readTopic(topic, next)).map(({ value }) => numberIn(value)));
    expect(numbers.size).toBe(next);
    expect(leaders()).not.toContain(first);
  });

  test('a leader whose process is frozen gives up the lock within seconds', async () => {
    const { database, client } = await openDatabase();
    const topic = await createTopic('relay');
    await append(client, topic, { from: 1, to: 10 });
    // What a frozen leader looks like to the server: it holds the lock and says nothing.
    const frozen = new pg.Client({
      connectionString: database.urls.relay,
      options: '-c idle_session_timeout=15000',
      application_name: randomUUID(),
    });
    frozen.on('error', () => {});
    await frozen.connect();
    const { createHash } = await import('node:crypto');
    await frozen.query('select pg_advisory_lock($1)', [
      createHash('sha256').update('outbox relay').digest().readBigInt64BE(),
    ]);
    const standby = await startRelay(database);
    await eventually(() => expect(standby.isReady()).toBe(true), { timeoutMs: 10_000 });
    expect(standby.isLeader()).toBe(false);
    await eventually(async () => expect(await outboxSize(client)).toBe(0), { timeoutMs: 40_000 });
    expect(standby.isLeader()).toBe(true);
  });
});
