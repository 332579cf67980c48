import { setTimeout as sleep } from 'node:timers/promises';
import { databaseUrl, SUPERUSER } from '@order-payments/local/infrastructure/postgres-roles.ts';
import type { Service } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { untilConsumed } from '@order-payments/local/test-kit/consumer-groups.ts';
import { checkFromOutside } from '@order-payments/local/test-kit/outside-checker.ts';
import type { Violation } from '@order-payments/local/test-kit/outside-checker.ts';
import { reconcile } from '@order-payments/local/test-kit/run-ops.ts';
import type { Operated } from '@order-payments/local/test-kit/run-ops.ts';
import { checkTopics } from '@order-payments/local/test-kit/topic-checker.ts';
import pg from 'pg';
import type { Load } from './load.ts';
import { judgeMemory } from './memory.ts';
import type { Life, MemoryFinding } from './memory.ts';
import type { Reader } from './reader.ts';
import type { Paid } from './recovery.ts';
import { SERVICES } from './schedule.ts';
import type { Stage } from './stage.ts';

const SETTLE_LIMIT_MS = 60_000;
const BACKLOG_LIMIT_MS = 30_000;
/** Ids that are named where too many are wrong to name all. */
const NAMED_MAX = 20;

export interface Judgement {
  readonly violations: readonly Violation[];
  /** From the last heal until every order was settled. */
  readonly settledAfterMs: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly records: number;
  readonly events: number;
  readonly paid: readonly Paid[];
  readonly memory: readonly MemoryFinding[];
}

export interface Evidence {
  readonly stage: Stage;
  readonly load: Load;
  readonly reader: Reader;
  readonly lastHealAt: number;
  readonly lives: readonly Life[];
  readonly say: (what: string) => void;
}

/** Everything that can be held against the platform, with nothing in its way any more. */
export async function judge(evidence: Evidence): Promise<Judgement> {
  const { stage, load, reader, say } = evidence;
  const databases = await connectBoth(stage);
  try {
    say('every order has to settle');
    const unsettled = await untilSettled(databases.orders, evidence.lastHealAt + SETTLE_LIMIT_MS);
    const settledAfterMs = Date.now() - evidence.lastHealAt;
    say('the backlog has to drain');
    const undrained = await untilDrained(stage, databases);
    say('the outside checker reads the history, both databases and both topics');
    const { surroundings } = stage.platform;
    const topics = await checkTopics(
      { brokers: surroundings.kafkaBrokers, schemaRegistryUrl: surroundings.schemaRegistryUrl, ...surroundings.topics },
      databases,
    );
    const ofHistory = await checkFromOutside(databases, load.client.history);
    say('ops reconcile');
    const reconciled = await reconcile(operated(stage));
    const memory = judgeMemory(evidence.lives);
    return {
      violations: [
        ...unsettled,
        ...undrained,
        ...load.violations,
        ...reader.violations,
        ...strangeAnswers(load),
        ...(await checkSeen(databases.orders, reader)),
        ...ofHistory,
        ...topics.violations,
        ...(reconciled.code === 0
          ? []
          : [violation('I6', `ops reconcile ends with ${reconciled.code}: ${reconciled.out}`)]),
        ...unplannedDeaths(stage),
        ...memory.filter(({ isFlat }) => !isFlat).map((one) => violation('I8', memoryGrew(one))),
      ],
      settledAfterMs,
      outcomes: await countOutcomes(databases.orders),
      records: topics.records,
      events: topics.events,
      paid: await whenPaid(databases.orders, topics.orderOfOutcome),
      memory,
    };
  } finally {
    await Promise.all([databases.orders.end(), databases.payments.end()]);
  }
}

/** I4. */
async function untilSettled(orders: pg.Client, deadline: number): Promise<Violation[]> {
  for (;;) {
    const { rows } = await orders.query<{ id: string }>(
      `select id from orders where status = 'NEW' order by id limit ${NAMED_MAX}`,
    );
    if (rows.length === 0) return [];
    if (Date.now() > deadline)
      return rows.map(({ id }) => violation('I4', `order ${id} is NEW a minute after the last fault healed`));
    await sleep(100);
  }
}

/** I8: outboxes empty, everything consumed. */
async function untilDrained(stage: Stage, databases: Readonly<Record<Service, pg.Client>>): Promise<Violation[]> {
  const { kafkaBrokers: brokers, topics, consumerGroups } = stage.platform.surroundings;
  const deadline = Date.now() + BACKLOG_LIMIT_MS;
  for (const service of ['orders', 'payments'] as const) {
    while (await isInOutbox(databases[service])) {
      if (Date.now() > deadline) return [violation('I8', `the outbox of ${service} does not drain`)];
      await sleep(100);
    }
  }
  try {
    await untilConsumed(brokers, { groupId: consumerGroups.payments, topic: topics.orders }, BACKLOG_LIMIT_MS);
    await untilConsumed(brokers, { groupId: consumerGroups.orders, topic: topics.payments }, BACKLOG_LIMIT_MS);
    return [];
  } catch (error) {
    return [violation('I8', `a consumer does not catch up: ${String(error)}`)];
  }
}

async function isInOutbox(database: pg.Client): Promise<boolean> {
  return (await database.query('select from outbox limit 1')).rowCount !== 0;
}

/** I7: to a good request there are four answers: done, refused for now, too late to say, and none. */
function strangeAnswers({ client }: Load): Violation[] {
  const strange = client.history.flatMap(({ kind, key, answers }) =>
    answers
      .filter(({ status }) => ![201, 503, 504, undefined].includes(status))
      .map(({ status, body }) =>
        violation('I7', `${kind} with key ${key} was answered ${status}: ${JSON.stringify(body)}`),
      ),
  );
  return strange.slice(0, NAMED_MAX);
}

/** I3: what the reader saw settled is so at the end. */
async function checkSeen(orders: pg.Client, { settled }: Reader): Promise<Violation[]> {
  const { rows } = await orders.query<{ id: string; status: string; reason: string | null }>(
    'select id, status, cancel_reason as reason from orders',
  );
  return rows
    .filter(({ id, status, reason }) => {
      const seen = settled.get(id);
      return seen !== undefined && (seen.status !== status || seen.reason !== reason);
    })
    .map(({ id, status }) => violation('I3', `order ${id} was read ${settled.get(id)?.status} and is ${status}`));
}

/** I8: restarts <= kills. */
function unplannedDeaths(stage: Stage): Violation[] {
  return [...stage.unplannedDeaths()]
    .filter(([part]) => SERVICES.some((service) => service === part))
    .map(([part, { planned, seen, reasons }]) =>
      violation(
        'I8',
        `${part} died ${seen} times and was killed ${planned} times: ${[...new Set(reasons)].join(', ')}`,
      ),
    );
}

function memoryGrew({ part, livedSeconds, firstThirdMax, lastThirdMax }: MemoryFinding): string {
  return `${part} grew from ${firstThirdMax} to ${lastThirdMax} MB in ${livedSeconds} s`;
}

async function countOutcomes(orders: pg.Client): Promise<Record<string, number>> {
  const { rows } = await orders.query<{ outcome: string; count: number }>(
    'select coalesce(cancel_reason, status) as outcome, count(*)::int as count from orders group by 1 order by 2 desc',
  );
  return Object.fromEntries(rows.map(({ outcome, count }) => [outcome, count]));
}

/** Of each order that was paid: when its outcome came into the inbox of Orders. (What the sweeper settled is not among them.) */
async function whenPaid(orders: pg.Client, orderOfOutcome: ReadonlyMap<string, string>): Promise<Paid[]> {
  const { rows: inbox } = await orders.query<{ event_id: string; at: Date }>(
    'select event_id, received_at as at from inbox',
  );
  const finishedAt = new Map(inbox.map(({ event_id, at }) => [orderOfOutcome.get(event_id), at.getTime()]));
  const { rows } = await orders.query<{ id: string; created_at: Date }>(
    `select id, created_at from orders where status = 'FINISHED'`,
  );
  return rows.flatMap(({ id, created_at }) => {
    const at = finishedAt.get(id);
    return at === undefined ? [] : [{ createdAt: created_at.getTime(), finishedAt: at }];
  });
}

function operated(stage: Stage): Operated {
  const { ports, surroundings } = stage.platform;
  return {
    databases: {
      orders: { urls: { ops: databaseUrl(ports.ordersDb, 'orders', 'orders_ops') } },
      payments: { urls: { ops: databaseUrl(ports.paymentsDb, 'payments', 'payments_ops') } },
    },
    surroundings,
  };
}

async function connectBoth({ platform: { ports } }: Stage): Promise<Record<Service, pg.Client>> {
  const orders = new pg.Client({ connectionString: databaseUrl(ports.ordersDb, 'orders', SUPERUSER) });
  const payments = new pg.Client({ connectionString: databaseUrl(ports.paymentsDb, 'payments', SUPERUSER) });
  for (const client of [orders, payments]) client.on('error', () => undefined);
  await Promise.all([orders.connect(), payments.connect()]);
  return { orders, payments };
}

function violation(invariant: Violation['invariant'], what: string): Violation {
  return { invariant, what };
}
