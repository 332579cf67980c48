import { sleep } from '@order-payments/platform/backoff.ts';
import { createPool } from '@order-payments/platform/db/pool.ts';
import { createMetrics } from '@order-payments/platform/metrics.ts';
import pg from 'pg';
import { createAlarm } from '../../../services/outbox-relay/src/alarm.ts';
import { createRelayMetrics } from '../../../services/outbox-relay/src/metrics.ts';
import { relay } from '../../../services/outbox-relay/src/relay.ts';
import { quantile, type PageTimes } from './pages.ts';

const CHUNK = 50_000;

/**
 * P12: how long the relay's polls take, from the wake-up until the row is sent, while an old snapshot (a forgotten session, a
 * backup) keeps all the rows that it deleted from being vacuumed. The relay is the real one; its broker acknowledges at once.
 */
export async function timePollsOverDeadRows(options: {
  /** Superuser. */
  client: pg.Client;
  relayUrl: string;
  superuserUrl: string;
  deadRows: number;
  seconds: number;
}): Promise<PageTimes & { max: number; polls: number }> {
  const { client, deadRows } = options;
  const oldSnapshot = new pg.Client({ connectionString: options.superuserUrl });
  await oldSnapshot.connect();
  await oldSnapshot.query('begin isolation level repeatable read');
  await oldSnapshot.query('select 1');
  const database = await createPool({ url: options.relayUrl, applicationName: 'growth relay', size: 3 });
  let published = 0;
  let onPublish = (): void => undefined;
  const publisher = {
    publish: async (rows: readonly unknown[]) => {
      published += rows.length;
      onPublish();
    },
    close: async () => undefined,
  };
  const metrics = createRelayMetrics(createMetrics(), { database, isLeader: () => true });
  const stopping = new AbortController();
  const alarm = createAlarm();
  const running = relay({ database, publisher, alarm, metrics }, stopping.signal);
  try {
    for (let sent = 0; sent < deadRows; sent += CHUNK) await insertEvents(client, Math.min(CHUNK, deadRows - sent));
    while (published < deadRows) await sleep(50);
    // From here on a trickle, as on a quiet day.
    await sleep(1_500);
    const polls: number[] = [];
    for (const endMs = performance.now() + options.seconds * 1_000; performance.now() < endMs; await sleep(40)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      onPublish = resolve;
      await insertEvents(client, 1);
      const startedMs = performance.now();
      // As the wake-up that a service sends after each commit.
      alarm.ring();
      await promise;
      polls.push(performance.now() - startedMs);
    }
    return { p50: quantile(polls, 0.5), p99: quantile(polls, 0.99), max: Math.max(...polls), polls: polls.length };
  } finally {
    stopping.abort();
    await running;
    await database.end();
    await oldSnapshot.end();
    await client.query('truncate outbox');
  }
}

async function insertEvents(client: pg.Client, rows: number): Promise<void> {
  await client.query(
    `insert into outbox (event_id, topic, key, payload)
     select uuidv7(), 'dead-rows', n::text, decode(repeat('ab', 190), 'hex') from generate_series(1, $1::int) as n`,
    [rows],
  );
}
