import { sleep } from '@order-payments/platform/backoff.ts';
import { createPool } from '@order-payments/platform/db/pool.ts';
import { createKafka } from '@order-payments/platform/kafka/client.ts';
import { createLogger } from '@order-payments/platform/logger.ts';
import { createMetrics } from '@order-payments/platform/metrics.ts';
import type pg from 'pg';
import { createAlarm } from '../../../services/outbox-relay/src/alarm.ts';
import { createRelayMetrics } from '../../../services/outbox-relay/src/metrics.ts';
import { createPublisher } from '../../../services/outbox-relay/src/publisher.ts';
import { relay } from '../../../services/outbox-relay/src/relay.ts';
import { CorrectnessError } from '../measure.ts';
import { RELAY_TOPICS } from '../rig.ts';

// A small backlog is gone in a few batches, so it is drained often enough for so many events in all.
const EVENTS_IN_ALL = 20_000;

/** Microseconds that the relay takes for an event of a backlog of so many, from its first read to an empty outbox. */
export async function timeDrain(options: {
  /** Superuser. */
  client: pg.Client;
  relayUrl: string;
  brokers: string;
  backlog: number;
}): Promise<number> {
  const { client, backlog } = options;
  const logger = createLogger({ service: 'bench', level: 'silent' });
  const database = await createPool({ url: options.relayUrl, applicationName: 'growth relay', size: 3 });
  const publisher = createPublisher(
    createKafka({ clientId: 'growth', brokers: [options.brokers], logger, tls: undefined }),
    logger,
  );
  const metrics = createRelayMetrics(createMetrics(), { database, isLeader: () => true });
  try {
    // The first run only opens the connections.
    await drainOnce(100);
    const runs = Math.max(1, Math.round(EVENTS_IN_ALL / backlog));
    let tookMs = 0;
    for (let run = 0; run < runs; run += 1) tookMs += await drainOnce(backlog);
    return (tookMs * 1_000) / (runs * backlog);
  } finally {
    await publisher.close();
    await database.end();
  }

  async function drainOnce(events: number): Promise<number> {
    await insertBacklog(client, events);
    await client.query('checkpoint');
    const stopping = new AbortController();
    const before = (await metrics.published.get()).values[0]?.value ?? 0;
    const startedMs = performance.now();
    const running = relay({ database, publisher, alarm: createAlarm(), metrics }, stopping.signal);
    while (((await metrics.published.get()).values[0]?.value ?? 0) < before + events) await sleep(1);
    const tookMs = performance.now() - startedMs;
    stopping.abort();
    await running;
    const { rowCount } = await client.query('select from outbox limit 1');
    if (rowCount !== 0) throw new CorrectnessError('acknowledged events stay in the outbox');
    return tookMs;
  }
}

async function insertBacklog(client: pg.Client, events: number): Promise<void> {
  await client.query('truncate outbox');
  await client.query(
    `insert into outbox (event_id, topic, key, payload)
     select uuidv7(), $1, ('00000000-0000-4000-8000-' || lpad(to_hex(n % 10000), 12, '0')), decode(repeat(md5(n::text), 12), 'hex')
     from generate_series(1, $2::int) as n`,
    [RELAY_TOPICS.ours, events],
  );
}
