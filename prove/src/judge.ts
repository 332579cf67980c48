import { setTimeout as sleep } from 'node:timers/promises';
import type { Service } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { readCounter } from '@order-payments/local/test-kit/counter.ts';
import { untilConsumed } from '@order-payments/local/test-kit/consumer-groups.ts';
import { checkFromOutside } from '@order-payments/local/test-kit/outside-checker.ts';
import type { Violation } from '@order-payments/local/test-kit/outside-checker.ts';
import { reconcile } from '@order-payments/local/test-kit/run-ops.ts';
import { checkTopics } from '@order-payments/local/test-kit/topic-checker.ts';
import type pg from 'pg';
import { connectAsSuperuser, operated } from './databases.ts';
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
  readonly lives: readonly Life[];
  /** A minute to settle and half a minute to drain, unless said otherwise. */
  readonly limits?: { readonly settleMs: number; readonly drainMs: number };
  readonly say: (what: string) => void;
}

/** Everything that can be held against the platform, with nothing in its way any more. */
export async function judge(evidence: Evidence): Promise<Judgement> {
  const { stage, load, reader, say } = evidence;
  const databases = await connectBoth(stage);
  try {
    say('every order has to settle');
    const { settleMs, drainMs } = evidence.limits ?? { settleMs: SETTLE_LIMIT_MS, drainMs: BACKLOG_LIMIT_MS };
    const { violations: unsettled } = await untilSettled(databases.orders, { from: Date.now(), limitMs: settleMs });
    say('the backlog has to drain');
    const undrained = await untilDrained(stage, databases, drainMs);
    say('the outside checker reads the history, both databases and both topics');
    const { surroundings } = stage.platform;
    const topics = await checkTopics(
      { brokers: surroundings.kafkaBrokers, schemaRegistryUrl: surroundings.schemaRegistryUrl, ...surroundings.topics },
      databases,
    );
    const ofHistory = await checkFromOutside(databases, load.client.history);
    const memory = judgeMemory(evidence.lives);
    const violations = [
      ...unsettled,
      ...undrained,
      ...load.violations,
      ...reader.violations,
      ...strangeAnswers(load),
      ...(await checkSeen(databases.orders, reader)),
      ...ofHistory,
      ...(await unjustRefusals(databases.payments, load)),
      ...topics.violations,
      ...(await appliedTwice(stage, databases)),
      ...unplannedDeaths(stage),
      ...memory.filter(({ isFlat }) => !isFlat).map((one) => violation('I8', memoryGrew(one))),
    ];
    // Where the limits are short the verdict is wanted soon, and one that is red already needs no second opinion.
    if (evidence.limits === undefined || violations.length === 0) {
      say('ops reconcile');
      const { code, out } = await reconcile(operated(stage));
      if (code !== 0) violations.push(violation('I6', `ops reconcile ends with ${code}: ${out}`));
    }
    return {
      violations,
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

interface Settling {
  readonly violations: readonly Violation[];
  readonly settledAfterMs: number;
}

/** I4, while the load may go on: every order that was written before the last heal is settled. */
export async function settleAll(stage: Stage, lastHealAt: number): Promise<Settling> {
  const orders = await connectAsSuperuser(stage, 'orders');
  try {
    return await untilSettled(orders, { from: lastHealAt, limitMs: SETTLE_LIMIT_MS });
  } finally {
    await orders.end();
  }
}

/** What was written until `from` has to be settled so soon after it. */
async function untilSettled(
  orders: pg.Client,
  { from, limitMs }: { readonly from: number; readonly limitMs: number },
): Promise<Settling> {
  for (;;) {
    const { rows } = await orders.query<{ id: string }>(
      `select id from orders where status = 'NEW' and created_at <= $1 order by id limit ${NAMED_MAX}`,
      [new Date(from)],
    );
    const settledAfterMs = Date.now() - from;
    const isLate = settledAfterMs > limitMs;
    const unsettled = rows.map(({ id }) => violation('I4', `order ${id} is still NEW, though nothing is in its way`));
    if (isLate && rows.length === 0)
      unsettled.push(violation('I4', `all was settled only ${settledAfterMs / 1_000} s after the last heal`));
    if (isLate || rows.length === 0) return { violations: unsettled, settledAfterMs };
    await sleep(100);
  }
}

/** I8: outboxes empty, everything consumed. */
async function untilDrained(
  stage: Stage,
  databases: Readonly<Record<Service, pg.Client>>,
  limitMs: number,
): Promise<Violation[]> {
  const { kafkaBrokers: brokers, topics, consumerGroups } = stage.platform.surroundings;
  const deadline = Date.now() + limitMs;
  for (const service of ['orders', 'payments'] as const) {
    while (await isInOutbox(databases[service])) {
      if (Date.now() > deadline) return [violation('I8', `the outbox of ${service} does not drain`)];
      await sleep(100);
    }
  }
  try {
    await untilConsumed(brokers, { groupId: consumerGroups.payments, topic: topics.orders }, limitMs);
    await untilConsumed(brokers, { groupId: consumerGroups.orders, topic: topics.payments }, limitMs);
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

/**
 * I3, the reason. The money of spenders only became less from their first order on: whatever one of them still has was there
 * when an order was refused, so no order that it would pay may have been. Hot and rich users had more before their first
 * order than all of theirs take. And each account is older than its user's first order.
 */
async function unjustRefusals(payments: pg.Client, { spenders, crowd }: Load): Promise<Violation[]> {
  const { rows } = await payments.query<{ order_id: string; amount: string; reason: string; balance: string | null }>(
    `select order_id, amount, reason, balance from payments left join accounts using (user_id)
     where status = 'FAILED' and case
       when balance is null then reason <> 'ACCOUNT_NOT_FOUND'
       else reason = 'ACCOUNT_NOT_FOUND' or user_id = any($2) or (user_id = any($1) and amount <= balance) end
     order by order_id limit ${NAMED_MAX}`,
    [spenders, [...crowd.hot, ...crowd.rich]],
  );
  return rows.map(({ order_id, amount, reason, balance }) =>
    violation(
      'I3',
      `order ${order_id} of ${amount} was refused with ${reason}, and its account has ${balance ?? 'never been'}`,
    ),
  );
}

/** I6, once: a process has applied no more events than came into its inbox since it started, whatever its inbox says of each. */
async function appliedTwice(stage: Stage, databases: Readonly<Record<Service, pg.Client>>): Promise<Violation[]> {
  const violations: Violation[] = [];
  for (const service of ['orders', 'payments'] as const) {
    const metricsPort = stage.platform.surroundings.ports[`${service}Metrics`];
    const startedAt = await readCounter(metricsPort, 'process_start_time_seconds');
    const applied = await readCounter(metricsPort, 'consumer_records_total', { result: 'applied' });
    const { rows } = await databases[service].query<{ count: number }>(
      'select count(*)::int as count from inbox where received_at > to_timestamp($1)',
      [startedAt - 1],
    );
    const received = rows[0]?.count ?? 0;
    if (applied > received)
      violations.push(violation('I6', `${service} applied ${applied} events, of which its inbox has ${received}`));
  }
  return violations;
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

/** I8: who was asked to end did so in good order, and nobody else ended but by our hand. */
function unplannedDeaths(stage: Stage): Violation[] {
  return stage
    .unplannedDeaths()
    .filter(({ part }) => SERVICES.some((service) => service === part))
    .map(({ part, reason, at }) => violation('I8', `${part}: ${reason}, and not by our hand (${timeOf(at)})`));
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

async function connectBoth(stage: Stage): Promise<Record<Service, pg.Client>> {
  const [orders, payments] = await Promise.all([
    connectAsSuperuser(stage, 'orders'),
    connectAsSuperuser(stage, 'payments'),
  ]);
  return { orders, payments };
}

function timeOf(at: number): string {
  return new Date(at).toISOString();
}

function violation(invariant: Violation['invariant'], what: string): Violation {
  return { invariant, what };
}
