import { databaseUrl } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { nodeService } from '@order-payments/local/node-part.ts';
import { freePort } from '@order-payments/local/ports.ts';
import { runTied } from '@order-payments/local/process/spawn-tied.ts';
import { endOffsets } from '@order-payments/local/test-kit/consumer-groups.ts';
import { readCounter } from '@order-payments/local/test-kit/counter.ts';
import { eventually } from '@order-payments/local/test-kit/eventually.ts';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { CorrectnessError, type Experiment, type Readings } from '../measure.ts';
import { HANG_MS, rateOf, untilDone } from '../progress.ts';
import { FLOOR_DATABASE, RELAY_TOPICS, startParts, stopParts, type Rig } from '../rig.ts';

const RELAY = 'outbox-relay-bench';
const PAYLOAD_BYTES = 190;
const BATCH = 1_000;

/** P6 and P7: one relay process drains a full outbox into a topic; what it writes to the log of its database is weighed. */
export const relay: Experiment = {
  name: 'relay',
  goals: [
    {
      id: 'P6',
      what: 'relay drain, events per second / K',
      floor: 'K',
      ours: 'drained',
      unit: '',
      must: 0.8,
      aim: 0.95,
    },
    {
      id: 'P7',
      what: 'WAL bytes per relayed event, vacuum included',
      floor: undefined,
      ours: 'walBytes',
      unit: 'B',
      must: 150,
      aim: 80,
      atMost: true,
    },
  ],
  async open(rig) {
    const metricsPort = await freePort();
    await rig.platform.add(
      nodeService({
        name: RELAY,
        entry: 'services/outbox-relay/src/main.ts',
        after: [],
        stopTimeoutMs: 6_000,
        metricsPort,
        env: {
          RELAY_NAME: 'bench',
          DATABASE_URL: databaseUrl(rig.ports.orders, FLOOR_DATABASE.orders, 'orders_relay'),
          KAFKA_BROKERS: rig.brokers,
        },
      }),
    );
    return {
      steps: [
        { name: 'K', run: async () => ({ K: await runKafkajs(rig) }) },
        { name: 'ours', run: async () => await run(rig, metricsPort) },
      ],
      close: async () => void (await rig.platform.part(RELAY).stop()),
    };
  },
};

async function runKafkajs({ brokers, effort }: Rig): Promise<number> {
  const entry = fileURLToPath(new URL('../floors/kafkajs.ts', import.meta.url));
  const args = [brokers, RELAY_TOPICS.floor, effort.relayedEvents, PAYLOAD_BYTES, BATCH].map(String);
  return Number(await runTied({ file: process.execPath, args: [...process.execArgv, entry, ...args] }));
}

async function run(rig: Rig, metricsPort: number): Promise<Readings> {
  const count = rig.effort.relayedEvents;
  const database = rig.floors.orders;
  await stopParts(rig, RELAY);
  await database.query('truncate outbox');
  await database.query('checkpoint');
  await database.query(
    `insert into outbox (event_id, topic, key, payload)
     select gen_random_uuid(), $1, ('00000000-0000-4000-8000-' || lpad(to_hex(n % 10000), 12, '0')), decode(repeat(md5(n::text), 12), 'hex')
     from generate_series(1, $2::int) as n`,
    [RELAY_TOPICS.ours, count],
  );
  const position = async (): Promise<string> =>
    (await database.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')).rows[0]?.lsn ?? '';
  const records = async (): Promise<number> =>
    (await endOffsets(rig.brokers, RELAY_TOPICS.ours)).reduce((sum, end) => sum + Number(end), 0);
  const recordsBefore = await records();
  const before = await position();
  await startParts(rig, RELAY);
  // A process that has just been started has counted nothing before.
  const marks = await untilDone(async () => await readCounter(metricsPort, 'outbox_published_total'), count);
  await untilEmpty(database);
  await database.query('vacuum outbox');
  const { rows } = await database.query<{ bytes: string; left: string }>(
    'select pg_current_wal_lsn() - $1::pg_lsn as bytes, (select count(*) from outbox) as left',
    [before],
  );
  const sent = (await records()) - recordsBefore;
  if (sent !== count || rows[0]?.left !== '0')
    throw new CorrectnessError(`${count} events: ${sent} records in the topic, ${rows[0]?.left} rows left`);
  return { drained: rateOf(marks, count), walBytes: Number(rows[0]?.bytes) / count };
}

/** The last rows are deleted a moment after their acknowledgement. */
async function untilEmpty(database: pg.Client): Promise<void> {
  const look = async (): Promise<void> => {
    const { rows } = await database.query('select from outbox limit 1');
    if (rows.length > 0) throw new CorrectnessError('acknowledged events stay in the outbox');
  };
  await eventually(look, { timeoutMs: HANG_MS });
}
