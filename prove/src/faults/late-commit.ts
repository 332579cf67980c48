import { setTimeout as sleep } from 'node:timers/promises';
import { eventIdOf } from '@order-payments/kernel/ids.ts';
import type { OrderId } from '@order-payments/kernel/ids.ts';
import { eventBytes } from '@order-payments/local/test-kit/event-bytes.ts';
import type pg from 'pg';
import { withSuperuser } from '../databases.ts';
import { schemaIdOf } from '../registry.ts';
import type { Fault } from '../schedule.ts';
import type { Stage } from '../stage.ts';
import type { Inflicted } from './inflict.ts';

/** Ids that transactions took and gave up: more than any margin that a relay may keep. */
const BURNT_IDS = 6_000;

/** A fact of the database, as its event has to tell it. */
interface Fact {
  readonly order_id: OrderId;
  readonly user_id: string;
  readonly at: string;
  readonly amount: string;
  readonly description: string;
}

const SIDES = {
  orders: {
    event: 'OrderCreated',
    facts: `select id as order_id, user_id, created_at, amount, description from orders`,
    data: (fact: Fact) => [fact.order_id, fact.user_id, BigInt(fact.amount), fact.description],
  },
  payments: {
    event: 'PaymentSucceeded',
    facts: `select order_id, user_id, created_at, amount, '' as description from payments where status = 'SUCCEEDED'`,
    data: (fact: Fact) => [fact.order_id, fact.user_id],
  },
} as const;

/**
 * A transaction appends an event to the outbox, takes its time, and commits long after thousands of younger ids were taken
 * and sent. (The event was told before, in the same words, so it changes nothing; but it has to be sent all the same.)
 */
export async function lateCommit(
  stage: Stage,
  { target, lastsMs }: Extract<Fault, { kind: 'late-commit' }>,
): Promise<Inflicted> {
  const schemaId = await schemaIdOf(stage, SIDES[target].event);
  return await withSuperuser(stage, target, async (client) => {
    await client.query('begin');
    const id = await appendCopy(stage, client, { target, schemaId });
    if (id === undefined) return { healedAt: Date.now(), missed: 'there was no fact yet' };
    await withSuperuser(stage, target, (other) =>
      other.query(
        `select count(nextval(pg_get_serial_sequence('outbox', 'id'))) from generate_series(1, ${BURNT_IDS})`,
      ),
    );
    await sleep(lastsMs);
    await client.query('commit');
    return { healedAt: Date.now(), note: `row ${id}` };
  });
}

async function appendCopy(
  stage: Stage,
  client: pg.Client,
  { target, schemaId }: { target: 'orders' | 'payments'; schemaId: number },
): Promise<string | undefined> {
  const { event, facts, data } = SIDES[target];
  const { rows: found } = await client.query<Fact>(
    `select *, (extract(epoch from created_at) * 1000)::bigint as at from (${facts} limit 1) as fact`,
  );
  const [fact] = found;
  if (fact === undefined) return undefined;
  const eventId = eventIdOf(fact.order_id, event);
  const payload = eventBytes(schemaId, {
    event_id: eventId,
    event_type: event,
    occurred_at: BigInt(fact.at),
    data: data(fact),
  });
  const { rows } = await client.query<{ id: string }>(
    'insert into outbox (event_id, topic, key, payload) values ($1, $2, $3, $4) returning id',
    [eventId, stage.platform.surroundings.topics[target], fact.user_id, payload],
  );
  return rows[0]?.id;
}
