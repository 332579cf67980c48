import { sleep } from '@order-payments/platform/backoff.ts';
import { createPool } from '@order-payments/platform/db/pool.ts';
import { createKafka } from '@order-payments/platform/kafka/client.ts';
import { createLogger } from '@order-payments/platform/logger.ts';
import { createMetrics } from '@order-payments/platform/metrics.ts';
import type pg from 'pg';
import { createAlarm } from '../../../services/outbox-relay/src/alarm.ts';
import { createRelayMetrics } from '../../../services/outbox-relay/src/metrics.ts';
import { createPublisher, type Publisher } from '../../../services/outbox-relay/src/publisher.ts';
import { relay } from '../../../services/outbox-relay/src/relay.ts';
import { CorrectnessError } from '../measure.ts';
import { untilDone } from '../progress.ts';
import { RELAY_TOPICS } from '../rig.ts';

const CHUNK = 1_000;
// A batch that is being sent, the one that was read meanwhile, and a chunk that is being written.
const IN_HAND = 3 * CHUNK;
const WARM_UP_SECONDS = 2;
// Of a warm-up and of what is timed, on the most crowded machine.
const BATCHES_MIN = 5;

/**
 * Microseconds that the relay takes for an event while at least so many wait unread: what it reads is written anew, in the same way
 * for a small backlog as for a large one. (A drain of 10^3 is two batches, most of which is the start: beside it nothing is slow.)
 * Afterwards it is drained to its end.
 */
export async function timeDrain(options: {
  /** Superuser. */
  client: pg.Client;
  relayUrl: string;
  brokers: string;
  backlog: number;
  seconds: number;
}): Promise<{ microseconds: number; rowsABatch: number }> {
  const { client, backlog, seconds } = options;
  const logger = createLogger({ service: 'bench', level: 'silent' });
  const database = await createPool({ url: options.relayUrl, applicationName: 'growth relay', size: 3 });
  const kafka = createKafka({ clientId: 'growth', brokers: [options.brokers], logger, tls: undefined });
  const { publisher, sent } = countBatches(createPublisher(kafka, logger));
  const alarm = createAlarm();
  const metrics = createRelayMetrics(createMetrics(), { database, isLeader: () => true });
  await client.query('truncate outbox');
  // Whoever keeps up the backlog must not be what is waited for.
  await client.query('set synchronous_commit = off');
  let written = await insertEvents(client, backlog + IN_HAND);
  await client.query('checkpoint');
  const [stopping, refilled] = [new AbortController(), new AbortController()];
  const refill = async (): Promise<void> => {
    while (!refilled.signal.aborted) {
      if (written - sent.rows >= backlog + IN_HAND) await sleep(1);
      else {
        written += await insertEvents(client, CHUNK);
        alarm.ring();
      }
    }
  };
  const running = relay({ database, publisher, alarm, metrics }, stopping.signal);
  const refilling = refill();
  let measured: { microseconds: number; rowsABatch: number };
  try {
    await sleep(WARM_UP_SECONDS * 1_000);
    await untilDone(async () => sent.batches, BATCHES_MIN);
    const [startedMs, before] = [performance.now(), { ...sent }];
    await sleep(seconds * 1_000);
    await untilDone(async () => sent.batches - before.batches, BATCHES_MIN);
    const [tookMs, rows] = [performance.now() - startedMs, sent.rows - before.rows];
    measured = { microseconds: (tookMs * 1_000) / rows, rowsABatch: rows / (sent.batches - before.batches) };
    refilled.abort();
    await refilling;
    await untilDone(async () => sent.rows, written);
  } finally {
    refilled.abort();
    await refilling;
    stopping.abort();
    await running;
    await publisher.close();
    await database.end();
    await client.query('reset synchronous_commit');
  }
  const { rowCount } = await client.query('select from outbox limit 1');
  if (rowCount !== 0) throw new CorrectnessError('acknowledged events stay in the outbox');
  return measured;
}

/** What Kafka has acknowledged. */
function countBatches(publisher: Publisher): { publisher: Publisher; sent: { rows: number; batches: number } } {
  const sent = { rows: 0, batches: 0 };
  const publish: Publisher['publish'] = async (rows) => {
    await publisher.publish(rows);
    sent.rows += rows.length;
    sent.batches += 1;
  };
  return { publisher: { ...publisher, publish }, sent };
}

async function insertEvents(client: pg.Client, events: number): Promise<number> {
  await client.query(
    `insert into outbox (event_id, topic, key, payload)
     select uuidv7(), $1, ('00000000-0000-4000-8000-' || lpad(to_hex(n % 10000), 12, '0')), decode(repeat(md5(n::text), 12), 'hex')
     from generate_series(1, $2::int) as n`,
    [RELAY_TOPICS.ours, events],
  );
  return events;
}
