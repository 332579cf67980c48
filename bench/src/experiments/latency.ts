import { databaseUrl } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Pool } from 'undici';
import { anyAmount, anyUser, DESCRIPTION } from '../fill.ts';
import { beginAnew, truncateAll, userId, USERS } from '../data.ts';
import { newHistogram, openShop, type Sales } from '../load/shop.ts';
import { CorrectnessError, type Experiment, type Readings } from '../measure.ts';
import { growthOf, HANG_MS, untilDone } from '../progress.ts';
import { FLOOR_DATABASE, RELAY_TOPICS, type Rig } from '../rig.ts';
import { expectSold, SHORT_OF_TIME_OR_ROOM } from '../verify.ts';

const PER_SECOND = 20;
const COMMITS = 3;
const SENDS = 2;
/** How long after its answer an order's row is looked at, and then how often: each look takes from what the order needs. */
const FIRST_LOOK_MS = 8;
const LOOK_MS = 1;
const AGAIN_MS = 100;
const WARM_UP_CLIENTS = 16;
const WARM_UP_SECONDS = 6;

/** P10: a platform that has worked before and is calm now. What an order takes at least is three commits and two sends, one after another. */
export const latency: Experiment = {
  name: 'latency',
  goals: [
    {
      id: 'P10',
      what: 'POST -> FINISHED at 20/s, p50 / (3 lone commits + 2 lone sends)',
      floor: 'floorP50Ms',
      ours: 'p50Ms',
      unit: 'ms',
      must: 4,
      aim: 2.5,
      atMost: true,
    },
    {
      id: 'P10',
      what: 'the same, p99 / p50 of the floor',
      floor: 'floorP50Ms',
      ours: 'p99Ms',
      unit: 'ms',
      must: 12,
      aim: 6,
      atMost: true,
    },
  ],
  async open(rig) {
    return {
      steps: [
        { name: 'floor', run: async () => await runFloor(rig) },
        { name: 'ours', run: async () => await run(rig) },
      ],
      close: async () => undefined,
    };
  },
};

/** Floor and ours alike, so that neither finds the machine warmer than the other. None waits for another to end. */
async function paced(seconds: number, work: () => Promise<void>): Promise<void> {
  const startedMs = performance.now();
  const works: Array<Promise<void>> = [];
  for (let n = 0; n < seconds * PER_SECOND; n += 1) {
    const dueMs = startedMs + (n * 1_000) / PER_SECOND;
    await sleep(Math.max(0, dueMs - performance.now()));
    works.push(work());
  }
  await Promise.all(works);
}

async function runFloor(rig: Rig): Promise<Readings> {
  const database = rig.floors.orders;
  await truncateAll(database, 'orders');
  const commits = new pg.Client({
    connectionString: databaseUrl(rig.ports.orders, FLOOR_DATABASE.orders, 'orders_service'),
  });
  const producer = new Kafka({ brokers: [rig.brokers], logLevel: logLevel.NOTHING }).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await Promise.all([commits.connect(), producer.connect()]);
  const latencies = newHistogram();
  await paced(rig.effort.seconds, async () => {
    const startedMs = performance.now();
    for (let n = 0; n < COMMITS; n += 1)
      await commits.query(`insert into outbox (event_id, topic, key, payload) values ($1, 'floor', $2, $3)`, [
        randomUUID(),
        userId(n),
        randomBytes(190),
      ]);
    for (let n = 0; n < SENDS; n += 1)
      await producer.send({
        topic: RELAY_TOPICS.floor,
        acks: -1,
        messages: [{ key: userId(n), value: randomBytes(190) }],
      });
    latencies.recordValue((performance.now() - startedMs) * 1_000);
  });
  await Promise.all([commits.end(), producer.disconnect()]);
  return {
    floorP50Ms: latencies.getValueAtPercentile(50) / 1_000,
    floorP99Ms: latencies.getValueAtPercentile(99) / 1_000,
  };
}

async function run(rig: Rig): Promise<Readings> {
  await beginAnew(rig, USERS);
  const before = await warmUp(rig);
  const pool = new Pool(rig.url, { connections: 64, pipelining: 1, connect: { timeout: HANG_MS } });
  const looks = new pg.Pool({ connectionString: databaseUrl(rig.ports.orders, 'orders', 'orders_ops'), max: 8 });
  const latencies = newHistogram();
  let accepted = 0;
  const buy = async (): Promise<void> => {
    const startedMs = performance.now();
    await untilFinished(looks, await place(pool));
    latencies.recordValue((performance.now() - startedMs) * 1_000);
    accepted += 1;
  };
  try {
    // The first of a pause finds cold caches and connections that are being opened.
    await buy();
    latencies.reset();
    await paced(rig.effort.seconds, buy);
  } finally {
    await pool.destroy();
    await looks.end();
  }
  await expectSold(rig, [before], accepted);
  return { p50Ms: latencies.getValueAtPercentile(50) / 1_000, p99Ms: latencies.getValueAtPercentile(99) / 1_000 };
}

/** Processes that have just been started run code that is not compiled yet: p50 39, 29, 27 ms of the first, second and third 300 orders. */
async function warmUp(rig: Rig): Promise<Sales> {
  const settled = await growthOf(rig.platform.ports.ordersMetrics, 'orders_settled_total');
  const shop = openShop(rig.url, USERS);
  const sales = await shop.closedLoop(WARM_UP_CLIENTS, WARM_UP_SECONDS);
  await shop.close();
  await untilDone(settled, sales.accepted.length);
  return sales;
}

/** As a client does: what is answered 503 or 504 may be there or not, and the same key resolves it. The order's id. */
async function place(pool: Pool): Promise<string> {
  const request = {
    path: '/orders',
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
    body: JSON.stringify({ user_id: anyUser(USERS), amount: anyAmount(), description: DESCRIPTION }),
  } as const;
  for (const startedMs = performance.now(); performance.now() - startedMs < HANG_MS;) {
    const { statusCode, body } = await pool.request(request);
    const { id } = (await body.json()) as { id: string };
    if (statusCode === 201) return id;
    if (!SHORT_OF_TIME_OR_ROOM.includes(String(statusCode)))
      throw new CorrectnessError(`an order was answered with ${statusCode}`);
    await sleep(AGAIN_MS);
  }
  throw new CorrectnessError('an order was never answered with 201');
}

async function untilFinished(orders: pg.Pool, id: string): Promise<void> {
  await sleep(FIRST_LOOK_MS);
  for (const startedMs = performance.now(); performance.now() - startedMs < HANG_MS; await sleep(LOOK_MS)) {
    const { rows } = await orders.query<{ status: string }>({
      name: 'status',
      text: 'select status from orders where id = $1',
      values: [id],
    });
    if (rows[0]?.status === 'FINISHED') return;
  }
  throw new CorrectnessError(`order ${id} was never FINISHED`);
}
