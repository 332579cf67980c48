import avro from 'avsc';
import { Kafka, logLevel } from 'kafkajs';
import type { KafkaMessage } from 'kafkajs';
import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import type { Sockets } from '../infrastructure/topics.ts';
import { endOffsets } from './consumer-groups.ts';
import { eventually } from './eventually.ts';
import type { Violation } from './outside-checker.ts';

// I6 from outside: what is in the topics, read raw and decoded by the Avro library and the registry alone, against both databases.
// It shares no code with the services, their codec or the operator's command.

export interface Topics extends Sockets {
  readonly brokers: string;
  readonly schemaRegistryUrl: string;
  readonly orders: string;
  readonly payments: string;
}

/** The header of records that a proof sends and the platform never would. */
export const OF_THE_PROOF = 'of-the-proof';

/** An event as it lies in a topic. */
export interface Told {
  readonly partition: number;
  readonly offset: string;
  readonly eventId: string;
  readonly type: string;
  readonly orderId: string;
  /** All that it says, in one string: the same fact has to be told in the same words. */
  readonly content: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface TopicFindings {
  readonly violations: Violation[];
  readonly records: number;
  readonly events: number;
  /** Which order an outcome's event id belongs to. */
  readonly orderOfOutcome: ReadonlyMap<string, string>;
}

/** The topics and the databases at rest, with everything consumed. */
export async function checkTopics(
  topics: Topics,
  { orders, payments }: { readonly orders: Client; readonly payments: Client },
): Promise<TopicFindings> {
  const decode = decoder(topics.schemaRegistryUrl);
  const created = await readEvents(topics, topics.orders, decode);
  const outcomes = await readEvents(topics, topics.payments, decode);
  const { rows: orderRows } = await orders.query<{ id: string; content: string }>(
    `select id, concat_ws('|', user_id, amount, description) as content from orders`,
  );
  const { rows: decisions } = await payments.query<{ order_id: string; content: string }>(
    `select order_id, concat_ws('|', case status when 'SUCCEEDED' then 'PaymentSucceeded' else 'PaymentFailed' end,
       user_id, reason) as content from payments`,
  );
  const violations = [
    ...checkFacts('OrderCreated', created, new Map(orderRows.map((row) => [row.id, row.content])), ({ data }) =>
      join(data['user_id'], data['amount'], data['description']),
    ),
    ...checkFacts('an outcome', outcomes, new Map(decisions.map((row) => [row.order_id, row.content])), (told) =>
      join(told.type, told.data['user_id'], told.data['reason']),
    ),
    ...(await checkConsumed(topics.orders, created, payments)),
    ...(await checkConsumed(topics.payments, outcomes, orders)),
    ...(await checkLeftovers('orders', orders)),
    ...(await checkLeftovers('payments', payments)),
  ];
  return {
    violations: violations.map((what) => ({ invariant: 'I6', what })),
    records: created.length + outcomes.length,
    events: new Set([...created, ...outcomes].map(({ eventId }) => eventId)).size,
    orderOfOutcome: new Map(outcomes.map(({ eventId, orderId }) => [eventId, orderId])),
  };
}

/** Each fact of the database is one event, told at least once and always in the same words; and no event tells of nothing. */
function checkFacts(
  what: string,
  told: readonly Told[],
  facts: ReadonlyMap<string, string>,
  contentOf: (told: Told) => string,
): string[] {
  const violations: string[] = [];
  const byOrder = Map.groupBy(told, ({ orderId }) => orderId);
  for (const [id, content] of facts) {
    const events = byOrder.get(id) ?? [];
    byOrder.delete(id);
    const ids = new Set(events.map(({ eventId }) => eventId));
    if (ids.size !== 1) violations.push(`order ${id} has ${what} under ${ids.size} event ids`);
    if (new Set(events.map((event) => event.content)).size > 1)
      violations.push(`order ${id} has ${what} in different words`);
    if (events.some((event) => contentOf(event) !== content))
      violations.push(`order ${id} has ${what} that is not what its database says`);
  }
  for (const id of byOrder.keys()) violations.push(`${what} tells of order ${id}, of which its database knows nothing`);
  return violations;
}

/** Each record's event is in the consumer's inbox, or the record is among its dead letters; and the inbox has no other. */
async function checkConsumed(topic: string, told: readonly Told[], consumer: Client): Promise<string[]> {
  const { rows: inboxRows } = await consumer.query<{ event_id: string }>('select event_id from inbox');
  const { rows: deadRows } = await consumer.query<{ place: string }>(
    `select partition || '/' || record_offset as place from dead_letters where topic = $1`,
    [topic],
  );
  const inbox = new Set(inboxRows.map((row) => row.event_id));
  const dead = new Set(deadRows.map((row) => row.place));
  const lost = told.filter((one) => !inbox.has(one.eventId) && !dead.has(`${one.partition}/${one.offset}`));
  const known = new Set(told.map(({ eventId }) => eventId));
  return [
    ...lost.map(
      (one) => `${one.type} of order ${one.orderId} (${topic}[${one.partition}] at ${one.offset}) was never consumed`,
    ),
    ...[...inbox].filter((id) => !known.has(id)).map((id) => `event ${id} is in an inbox and not in ${topic}`),
  ];
}

async function checkLeftovers(service: string, database: Client): Promise<string[]> {
  const ours = `state = 'DEAD' and headers -> '${OF_THE_PROOF}' is null`;
  const { rows } = await database.query<{ outbox: number; dead: number; why: string | null; both: number }>(
    `select (select count(*)::int from outbox) as outbox, (select count(*)::int from dead_letters where ${ours}) as dead,
       (select min(why) from dead_letters where ${ours}) as why,
       (select count(*)::int from inbox join dead_letters using (topic, partition, record_offset)) as both`,
  );
  const [{ outbox, dead, why, both } = { outbox: -1, dead: -1, why: null, both: -1 }] = rows;
  return [
    ...(outbox === 0 ? [] : [`${outbox} events are left in the outbox of ${service}`]),
    ...(dead === 0 ? [] : [`${service} has ${dead} dead letters, one of them: ${why}`]),
    ...(both === 0 ? [] : [`${both} records are dead letters of ${service} and in its inbox as well`]),
  ];
}

type Decode = (message: KafkaMessage) => Promise<Omit<Told, 'partition' | 'offset'>>;

/** Confluent's wire format: a zero byte, the schema's id, and the Avro body. */
function decoder(schemaRegistryUrl: string): Decode {
  const types = new Map<number, Promise<avro.Type>>();
  const typeOf = (id: number): Promise<avro.Type> => {
    const known = types.get(id) ?? fetchType(schemaRegistryUrl, id);
    types.set(id, known);
    return known;
  };
  return async ({ value }) => {
    if (value === null || value[0] !== 0) throw new Error('A record is not in the wire format.');
    const type = await typeOf(value.readInt32BE(1));
    const event = type.fromBuffer(value.subarray(5)) as { event_id: string; event_type: string; data: Told['data'] };
    return {
      eventId: event.event_id,
      type: event.event_type,
      orderId: String(event.data['order_id']),
      content: JSON.stringify(event),
      data: event.data,
    };
  };
}

async function fetchType(url: string, id: number): Promise<avro.Type> {
  const response = await fetch(`${url}/schemas/ids/${id}`);
  if (!response.ok) throw new Error(`The registry answers ${response.status} to schema ${id}.`);
  const { schema } = (await response.json()) as { schema: string };
  return avro.Type.forSchema(JSON.parse(schema) as avro.Schema);
}

/** Every record of the topic up to where it ends now. */
async function readEvents({ brokers, socketFactory }: Topics, topic: string, decode: Decode): Promise<Told[]> {
  const sockets = socketFactory === undefined ? {} : { socketFactory };
  // A broker that has just started, or a topic that is new, may have no leader yet.
  const ends = await eventually(() => endOffsets(brokers, topic, sockets), { timeoutMs: 20_000 });
  const missing = new Map(
    ends.map((end, partition) => [partition, end]).filter(([, end]) => Number(end) > 0) as Array<[number, bigint]>,
  );
  const told: Told[] = [];
  if (missing.size === 0) return told;
  const done = Promise.withResolvers<void>();
  const consumer = new Kafka({
    brokers: [brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 10_000,
    ...sockets,
  }).consumer({ groupId: `checker-${randomUUID()}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachBatch: async ({ batch: { partition, messages } }) => {
      try {
        for (const message of messages.filter(({ headers }) => headers?.[OF_THE_PROOF] === undefined))
          told.push({ partition, offset: message.offset, ...(await decode(message)) });
      } catch (error) {
        done.reject(error);
      }
      if (BigInt(messages.at(-1)?.offset ?? -1) + 1n >= (missing.get(partition) ?? 0n)) missing.delete(partition);
      if (missing.size === 0) done.resolve();
    },
  });
  const timer = setTimeout(() => done.reject(new Error(`${topic} could not be read to its end.`)), READ_TIMEOUT_MS);
  try {
    await done.promise;
  } finally {
    clearTimeout(timer);
    await consumer.disconnect();
  }
  return told;
}

const READ_TIMEOUT_MS = 120_000;

function join(...parts: readonly unknown[]): string {
  return parts
    .filter((part) => part !== undefined && part !== null)
    .map(String)
    .join('|');
}
