import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '@order-payments/local/test-kit/eventually.ts';
import {
  createDatabase,
  createTopic,
  infrastructure,
  type TestDatabase,
} from '@order-payments/local/test-kit/infrastructure.ts';
import { paymentFailedSchema, paymentSucceededSchema } from '@order-payments/contracts/schemas.ts';
import { Kafka, logLevel, type Producer } from 'kafkajs';
import { z } from 'zod';
import { createPool, sql, type Database } from '../src/db/pool.ts';
import { createKafka } from '../src/kafka/client.ts';
import { startConsumer, type RunningConsumer } from '../src/kafka/consumer.ts';
import type { Envelope, ReceivedEvent } from '../src/kafka/envelope.ts';
import { createEventCodec, type EventCodec } from '../src/kafka/event-codec.ts';
import { bury } from '../src/inbox/dead-letters.ts';
import type { ApplyEvents } from '../src/kafka/process-records.ts';
import { createLogger } from '../src/logger.ts';
import { createMetrics } from '../src/metrics.ts';

// The consumer with real Kafka, registry and PostgreSQL. What it applies here is one row in a table of the test's own.

const logger = createLogger({ service: 'test', level: 'silent' });
let testDatabase: TestDatabase;
let database: Database;
let codec: EventCodec;
let producer: Producer;
let topic: string;
let broker: string;
let consumers: RunningConsumer[];
let fatal: Error[];

beforeEach(async () => {
  const { kafkaBrokers, schemaRegistryUrl } = await infrastructure();
  testDatabase = await createDatabase('payments');
  database = await createPool({ url: testDatabase.urls.superuser, applicationName: 'test', size: 5 });
  await database.query(
    sql.unsafe`create table applied (position bigint generated always as identity, event_id uuid, note text check (note <> 'impossible'))`,
  );
  codec = createEventCodec({
    registryUrl: schemaRegistryUrl,
    schemas: [paymentSucceededSchema, paymentFailedSchema],
    logger,
  });
  await codec.start(new AbortController().signal);
  producer = new Kafka({ brokers: [kafkaBrokers], logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  topic = await createTopic('consumer');
  broker = kafkaBrokers;
  consumers = [];
  fatal = [];
});

afterEach(async () => {
  await Promise.all(consumers.map((consumer) => consumer.stop()));
  await producer.disconnect();
  await database.end();
  await testDatabase.drop();
});

const applyToTable: ApplyEvents = async (transaction, events) => {
  const rows = events.map(({ event_id, data }) => [event_id, String(data['reason'])]);
  await transaction.query(
    sql.unsafe`insert into applied (event_id, note) select * from ${sql.unnest(rows, ['uuid', 'text'])}`,
  );
  return [];
};

async function consume(apply: ApplyEvents, watchdogMs?: number): Promise<RunningConsumer> {
  const consumer = startConsumer({
    kafka: createKafka({ clientId: 'test', brokers: [broker], logger }),
    groupId: randomUUID(),
    topic,
    codec,
    database,
    apply,
    logger,
    registry: createMetrics(),
    onFatal: (why) => fatal.push(why),
    ...(watchdogMs !== undefined && { watchdogMs }),
  });
  consumers.push(consumer);
  await consumer.started;
  return consumer;
}

function event(reason = 'a reason', event_id: string = randomUUID()): Envelope {
  return {
    event_id,
    event_type: 'PaymentFailed',
    occurred_at: 1_790_000_000_000,
    data: { order_id: randomUUID(), user_id: randomUUID(), reason },
  };
}

const send = async (values: ReadonlyArray<Buffer | null>): Promise<void> => {
  await producer.send({ topic, messages: values.map((value) => ({ key: 'one partition', value })) });
};

const idRow = z.object({ event_id: z.string() });
const appliedIds = async (): Promise<string[]> =>
  (await database.any(sql.type(idRow)`select event_id from applied order by position`)).map((row) => row.event_id);
const inboxIds = async (): Promise<string[]> =>
  (await database.any(sql.type(idRow)`select event_id from inbox order by record_offset`)).map((row) => row.event_id);
const letterRow = z.object({
  record_offset: z.bigint(),
  why: z.string(),
  attempts: z.number(),
  value: z.instanceof(Buffer).nullable(),
});
const deadLetters = async () =>
  await database.any(
    sql.type(letterRow)`select record_offset, why, attempts, value from dead_letters order by record_offset`,
  );

/** The last event of a test: when it was applied, all before it were decided. */
async function untilApplied(last: Envelope): Promise<void> {
  await eventually(async () => expect(await appliedIds()).toContain(last.event_id), { timeoutMs: 20_000 });
}

describe('the consumer', () => {
  test('applies each event once, in order, however often it is delivered', async () => {
    const events = Array.from({ length: 700 }, () => event());
    const bytes = events.map((one) => codec.encode(one));
    const last = event();
    await send([...bytes, ...bytes.slice(0, 350).reverse(), ...bytes, codec.encode(last)]);
    await consume(applyToTable);
    await untilApplied(last);
    expect(await appliedIds()).toEqual([...events, last].map(({ event_id }) => event_id));
    expect(await deadLetters()).toEqual([]);
  });

  test('two consumers that read the same partition apply each event once', async () => {
    const events = Array.from({ length: 500 }, () => event());
    await send(events.map((one) => codec.encode(one)));
    await Promise.all([consume(applyToTable), consume(applyToTable), consume(applyToTable)]);
    await eventually(async () => expect(await appliedIds()).toHaveLength(500), { timeoutMs: 20_000 });
    await Promise.all(consumers.splice(0).map((consumer) => consumer.stop()));
    expect(new Set(await appliedIds()).size).toBe(500);
    expect(await appliedIds()).toHaveLength(500);
  });

  test('buries what it cannot read, with its bytes, and goes on', async () => {
    const good = [event(), event()];
    const garbage = [
      Buffer.from('not Avro'),
      Buffer.alloc(0),
      Buffer.concat([codec.encode(event()).subarray(0, 5), Buffer.from([0xff])]),
    ];
    await send([codec.encode(good[0] as Envelope), ...garbage, null, codec.encode(good[1] as Envelope)]);
    await consume(applyToTable);
    await untilApplied(good[1] as Envelope);
    const letters = await deadLetters();
    expect(letters.map(({ value }) => value)).toEqual(garbage);
    expect(letters.map(({ record_offset }) => record_offset)).toEqual([1n, 2n, 3n]);
    expect(fatal).toEqual([]);
  });

  test('buries a record whose headers no database would take', async () => {
    const last = event();
    await producer.send({
      topic,
      messages: [{ key: 'one partition', value: 'junk', headers: { 'a\0name': 'a\0value', '\ud800': 'surrogate' } }],
    });
    await send([codec.encode(last)]);
    await consume(applyToTable);
    await untilApplied(last);
    expect(await deadLetters()).toHaveLength(1);
    expect(fatal).toEqual([]);
  });

  test('a record with as many headers as fit holds up nobody', async () => {
    const last = event();
    const headers = Object.fromEntries(Array.from({ length: 90_000 }, (_, n) => [n.toString(36), '']));
    await producer.send({ topic, messages: [{ key: 'one partition', value: 'junk', headers }] });
    await send([codec.encode(last)]);
    await consume(applyToTable);
    await untilApplied(last);
    expect(await deadLetters()).toHaveLength(1);
  });

  test('counts an event of a type that it does not know, and goes on', async () => {
    const last = event();
    const unknown = codec.encode(event());
    unknown.write('PaymentXailed', unknown.indexOf('PaymentFailed'));
    await send([unknown, codec.encode(last)]);
    await consume(applyToTable);
    await untilApplied(last);
    expect(await deadLetters()).toEqual([]);
    expect(await appliedIds()).toEqual([last.event_id]);
  });

  test('a record at the place of an earlier dead letter, of a topic that was made anew, is kept, too', async () => {
    const record = { topic, partition: 0, offset: 0n, key: null, timestampMs: 0, headers: {} };
    const letter = (value: string) => ({ record: { ...record, value: Buffer.from(value) }, why: 'junk', attempts: 1 });
    for (const value of ['before', 'before', 'anew'])
      await database.transaction(async (transaction) => await bury(transaction, [letter(value)]));
    expect((await deadLetters()).map(({ value }) => String(value))).toEqual(['before', 'anew']);
  });

  test('does not wait for schemas that were unknown when old records were written', async () => {
    const last = event();
    const unknown = Array.from({ length: 20 }, (_, n) => Buffer.from([0, 0x7f, 0, 0, n, 1, 2, 3]));
    const longAgo = String(Date.now() - 60_000);
    await producer.send({
      topic,
      messages: unknown.map((value) => ({ key: 'one partition', value, timestamp: longAgo })),
    });
    await send([codec.encode(last)]);
    await consume(applyToTable);
    await untilApplied(last);
    expect(await deadLetters()).toHaveLength(20);
  });

  test('buries the second of two events that share an id and differ in data', async () => {
    const first = event('one');
    const forged = event('another', first.event_id);
    const last = event();
    await send([first, forged, first, last].map((one) => codec.encode(one)));
    await consume(applyToTable);
    await untilApplied(last);
    expect(await appliedIds()).toEqual([first.event_id, last.event_id]);
    expect((await deadLetters()).map(({ record_offset }) => record_offset)).toEqual([1n]);
  });

  test('an event that the service rejects leaves no inbox row, so that it is applied when it comes again', async () => {
    let refuse = true;
    const apply: ApplyEvents = async (transaction, events) => {
      const [rejected, accepted] = [events.filter(isRefused), events.filter((one) => !isRefused(one))];
      await applyToTable(transaction, accepted);
      return rejected.map((one) => ({ event: one, why: 'not now' }));
    };
    const isRefused = (one: ReceivedEvent): boolean => refuse && one.data['reason'] === 'refused';
    const rejected = event('refused');
    const good = event();
    await send([rejected, good].map((one) => codec.encode(one)));
    await consume(apply);
    await untilApplied(good);
    expect(await inboxIds()).toEqual([good.event_id]);
    expect((await deadLetters()).map(({ why }) => why)).toEqual(['not now']);
    refuse = false;
    await send([codec.encode(rejected)]);
    await untilApplied(rejected);
  });

  test('an event that breaks a rule of the database is buried alone, and those around it are applied in order', async () => {
    const events = Array.from({ length: 20 }, (_, n) => event(n === 7 ? 'impossible' : 'fine'));
    await send(events.map((one) => codec.encode(one)));
    await consume(applyToTable);
    await untilApplied(events[19] as Envelope);
    expect(await appliedIds()).toEqual(events.filter((_, n) => n !== 7).map(({ event_id }) => event_id));
    expect(await inboxIds()).not.toContain(events[7]?.event_id);
    expect((await deadLetters()).map(({ record_offset, attempts }) => ({ record_offset, attempts }))).toEqual([
      { record_offset: 7n, attempts: 2 },
    ]);
  });

  test('trouble that passes by itself is waited out and buries nothing', async () => {
    let failures = 4;
    const one = event();
    await send([codec.encode(one)]);
    await consume(async (transaction, events) => {
      if (failures-- > 0) throw Object.assign(new Error('the lock was not to be had'), { code: '55P03' });
      return await applyToTable(transaction, events);
    });
    await untilApplied(one);
    expect(await deadLetters()).toEqual([]);
    expect(failures).toBe(-1);
  });

  test('a broker that breaks the connection while the consumer starts is waited for', async () => {
    const [host, port] = broker.split(':');
    let broken = 0;
    const proxy = createServer((client) => {
      const upstream = connect(Number(port), host);
      let requests = 0;
      client.on('data', (request) => {
        requests += 1;
        // After it said what it understands, and before it said which topics it has.
        if (requests === 2 && broken === 0) {
          broken += 1;
          client.resetAndDestroy();
        } else upstream.write(request);
      });
      upstream.pipe(client);
      for (const socket of [client, upstream]) socket.on('error', () => {});
      client.on('close', () => upstream.destroy());
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    broker = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const one = event();
    await send([codec.encode(one)]);
    await consume(applyToTable);
    await untilApplied(one);
    expect(broken).toBe(1);
    expect(fatal).toEqual([]);
    proxy.close();
  });

  test('a batch that is stuck ends the process', async () => {
    await send([codec.encode(event())]);
    let letGo = (): void => undefined;
    const stuck = new Promise<void>((resolve) => (letGo = resolve));
    await consume(async (...given) => {
      await stuck;
      return await applyToTable(...given);
    }, 1_000);
    await eventually(() => expect(fatal[0]?.message).toBe('a batch is stuck'), { timeoutMs: 20_000 });
    letGo();
  });

  test('a bug stops the consumer and says so, and nothing is committed', async () => {
    await send([codec.encode(event())]);
    await consume(async () => {
      throw new TypeError('a bug');
    });
    await eventually(() => expect(fatal).toHaveLength(1), { timeoutMs: 20_000 });
    expect(await inboxIds()).toEqual([]);
    expect(await deadLetters()).toEqual([]);
  });
});
