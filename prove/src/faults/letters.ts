import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventIdOf, newOrderId } from '@order-payments/kernel/ids.ts';
import type { RawEvent } from '@order-payments/local/test-kit/event-bytes.ts';
import { poisonOf } from '@order-payments/local/test-kit/poison.ts';
import type { Poison } from '@order-payments/local/test-kit/poison.ts';
import { runOps } from '@order-payments/local/test-kit/run-ops.ts';
import { OF_THE_PROOF } from '@order-payments/local/test-kit/topic-checker.ts';
import { Kafka, logLevel } from 'kafkajs';
import { operated, withSuperuser } from '../databases.ts';
import { schemaIdOf } from '../registry.ts';
import type { Fault } from '../schedule.ts';
import { holds } from '../stage.ts';
import type { Stage } from '../stage.ts';
import type { Inflicted } from './inflict.ts';

const RECORDS = 40;
const BURIED_TIMEOUT_MS = 90_000;
const REFUSED = 'refused by the proof';
const REDRIVEN_TIMEOUT_MS = 45_000;

const SIDES = [
  { topic: 'orders', consumer: 'payments', subject: 'OrderCreated' },
  { topic: 'payments', consumer: 'orders', subject: 'PaymentSucceeded' },
] as const;

/** Records that nobody can apply, in both topics. Each must become a dead letter, and hold up nobody else. */
export async function poison(stage: Stage): Promise<Inflicted> {
  const mark = randomUUID();
  const sent = await sendPoison(stage, mark).catch((error: unknown) => String(error));
  if (typeof sent === 'string') return { healedAt: Date.now(), missed: sent };
  const buried = async (): Promise<boolean> => {
    let found = 0;
    for (const { consumer } of SIDES)
      found += await withSuperuser(stage, consumer, async (client) => {
        const where = `where headers ->> '${OF_THE_PROOF}' = $1 and state = 'DEAD'`;
        const { rows } = await client.query<{ count: number }>(
          `select count(*)::int as count from dead_letters ${where}`,
          [mark],
        );
        return rows[0]?.count ?? 0;
      });
    // A send that got no answer may have been repeated by the client.
    return found >= sent;
  };
  if (!(await holds(() => buried().catch(() => false), BURIED_TIMEOUT_MS)))
    throw new Error('not every poison record became a dead letter');
  for (const { consumer } of SIDES)
    await withSuperuser(stage, consumer, (client) =>
      client.query(`update dead_letters set state = 'DISCARDED' where headers ->> '${OF_THE_PROOF}' = $1`, [mark]),
    );
  return { healedAt: Date.now(), note: `${sent} records` };
}

async function sendPoison(stage: Stage, mark: string): Promise<number> {
  const { kafkaBrokers, topics } = stage.platform.surroundings;
  const producer = new Kafka({ brokers: [kafkaBrokers], logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  let sent = 0;
  try {
    for (const { topic, subject } of SIDES) {
      const schemaId = await schemaIdOf(stage, subject);
      // A schema of strangers would be one more subject in the registry, so there is none here, and nothing to skip.
      const ingredients = { schemaId, foreignSchemaId: schemaId, goodEvent: () => goodEvent(subject) };
      const deadly = poisonOf(topic, RECORDS, ingredients).filter(({ fate }) => fate === 'dead letter');
      await producer.send({ topic: topics[topic], messages: deadly.map((one) => toMessage(one, mark)) });
      sent += deadly.length;
    }
    return sent;
  } finally {
    await producer.disconnect();
  }
}

function toMessage({ value }: Poison, mark: string) {
  return { key: randomUUID(), value, headers: { [OF_THE_PROOF]: mark } };
}

function goodEvent(eventType: 'OrderCreated' | 'PaymentSucceeded'): RawEvent {
  const [orderId, userId] = [newOrderId(), randomUUID()];
  return {
    event_id: eventIdOf(orderId, eventType),
    event_type: eventType,
    occurred_at: Date.now(),
    data: eventType === 'OrderCreated' ? [orderId, userId, 1n, 'poison'] : [orderId, userId],
  };
}

/**
 * The database of Payments refuses some payments for a while, as a rule that somebody added would: their orders become
 * dead letters. The rule goes, and the operator redrives them.
 */
export async function refusal(stage: Stage, { lastsMs }: Extract<Fault, { kind: 'refusal' }>): Promise<Inflicted> {
  const alter = (statement: string): Promise<unknown> =>
    withSuperuser(stage, 'payments', (client) => client.query(`set lock_timeout = 5000; ${statement}`));
  const refusing = alter(`
    create or replace function refuse() returns trigger language plpgsql as
      $$ begin raise exception '${REFUSED}' using errcode = '23514'; end $$;
    create trigger refuse before insert on payments for each row when (new.amount % 7 = 0) execute function refuse()`);
  // An answer that got lost says nothing: the rule may be there, and has to go.
  await refusing.catch(() => undefined);
  await sleep(lastsMs);
  await holds(
    () =>
      alter('drop trigger if exists refuse on payments').then(
        () => true,
        () => false,
      ),
    REDRIVEN_TIMEOUT_MS,
  );
  let redriven = 0;
  const redrive = async (): Promise<boolean> => {
    const ids = await withSuperuser(stage, 'payments', async (client) => {
      const { rows } = await client.query<{ id: string }>(
        `select id from dead_letters where state = 'DEAD' and why like '%${REFUSED}%'`,
      );
      return rows.map(({ id }) => id);
    });
    if (ids.length === 0) return true;
    // By their ids: the poison of others stays where it is.
    const { code } = await runOps(operated(stage), 'dead-letters', 'redrive', '--service', 'payments', ...ids);
    if (code === 0) redriven += ids.length;
    return false;
  };
  // What was in hand when the rule went is buried a moment later.
  await sleep(1_000);
  const cleared = await holds(() => redrive().catch(() => false), REDRIVEN_TIMEOUT_MS);
  if (!cleared) throw new Error('dead letters could not be redriven');
  return {
    healedAt: Date.now(),
    note: `${redriven} redriven`,
    ...(redriven > 0 ? {} : { missed: 'nothing was refused' }),
  };
}
