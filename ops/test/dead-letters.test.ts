import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { orderCreated, toEnvelope } from '@order-payments/contracts/events.ts';
import { allSchemas } from '@order-payments/contracts/schemas.ts';
import { newOrderId, parseUserId } from '@order-payments/kernel/ids.ts';
import { infrastructure } from '@order-payments/local/test-kit/infrastructure.ts';
import { createEventCodec } from '@order-payments/platform/kafka/event-codec.ts';
import { createLogger } from '@order-payments/platform/logger.ts';
import { randomUUID } from 'node:crypto';
import { changeAllLetters } from '../src/commands/change-letters.ts';
import { withDatabases } from '../src/databases.ts';
import { createTwoDatabases, type TwoDatabases } from './support/two-databases.ts';

let databases: TwoDatabases;

beforeEach(async () => {
  const { schemaRegistryUrl } = await infrastructure();
  databases = await createTwoDatabases(schemaRegistryUrl);
}, 60_000);
afterEach(async () => {
  await databases.drop();
});

let nextOffset = 0;

async function bury(
  letter: { key?: Buffer | null; value?: Buffer | null; state?: string; why?: string; topic?: string } = {},
) {
  const { rows } = await databases.payments.query<{ id: string; event_id: string }>(
    `insert into dead_letters (topic, partition, record_offset, key, value, headers, event_id, why, state)
     values ($1, 3, $2, $3, $4, '{"source":"test"}', $5, $6, $7) returning id, event_id`,
    [
      letter.topic ?? 'orders.events',
      (nextOffset += 1),
      letter.key === undefined ? Buffer.from('user-1') : letter.key,
      letter.value === undefined ? Buffer.from('payload') : letter.value,
      randomUUID(),
      letter.why ?? 'broken',
      letter.state ?? 'DEAD',
    ],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('nothing was buried');
  return { id: row.id, eventId: row.event_id };
}

async function outbox(): Promise<Array<{ event_id: string; topic: string; key: string; payload: Buffer }>> {
  const { rows } = await databases.payments.query<{ event_id: string; topic: string; key: string; payload: Buffer }>(
    'select event_id, topic, key, payload from outbox order by id',
  );
  return rows;
}

async function stateOf(id: string): Promise<string> {
  const { rows } = await databases.payments.query<{ seen: string }>(
    "select state || ' after ' || attempts as seen from dead_letters where id = $1",
    [id],
  );
  return rows[0]?.seen ?? 'gone';
}

test('a redrive puts the same bytes under the same key and event id into the outbox, and a second one adds nothing', async () => {
  const letter = await bury();
  const first = await databases.ops('dead-letters', 'redrive', '--service', 'payments', letter.id);
  const second = await databases.ops('dead-letters', 'redrive', '--service', 'payments', letter.id);
  expect(first.out).toContain('1 redriven, 0 left alone, 0 refused');
  expect(second.out).toContain('0 redriven, 1 left alone, 0 refused');
  expect([first.code, second.code]).toEqual([0, 0]);
  expect(await outbox()).toEqual([
    { event_id: letter.eventId, topic: 'orders.events', key: 'user-1', payload: Buffer.from('payload') },
  ]);
  expect(await stateOf(letter.id)).toBe('REDRIVEN after 2');
});

test('a dry run says what would be done and does nothing', async () => {
  const letter = await bury();
  for (const what of ['redrive', 'discard']) {
    const { code, out } = await databases.ops('dead-letters', what, '--all', '--dry-run');
    expect(out).toContain('Dry run, nothing was changed: 1');
    expect(code).toBe(0);
  }
  expect(await outbox()).toEqual([]);
  expect(await stateOf(letter.id)).toBe('DEAD after 1');
});

test('what was discarded is refused, and redriven when forced', async () => {
  const letter = await bury();
  expect((await databases.ops('dead-letters', 'discard', '--service', 'payments', letter.id)).code).toBe(0);
  const refused = await databases.ops('dead-letters', 'redrive', '--service', 'payments', letter.id);
  expect(refused.out).toContain('refused: discarded at');
  expect([refused.code, (await outbox()).length]).toEqual([2, 0]);
  const forced = await databases.ops('dead-letters', 'redrive', '--service', 'payments', letter.id, '--force');
  expect([forced.code, (await outbox()).length]).toEqual([0, 1]);
});

test('all of a topic are redriven, and the others stay', async () => {
  const letters = [];
  for (let number = 0; number < 250; number += 1) letters.push(await bury());
  const other = await bury({ topic: 'payments.events' });
  const { out } = await databases.ops('dead-letters', 'redrive', '--all', '--topic', 'orders.events');
  expect(out).toContain('250 redriven');
  expect((await outbox()).map(({ event_id }) => event_id)).toEqual(letters.map(({ eventId }) => eventId));
  expect(await stateOf(other.id)).toBe('DEAD after 1');
});

test('a record that dies again while all are redriven is not redriven in circles', async () => {
  for (let number = 0; number < 150; number += 1) await bury();
  await withDatabases(databases.config, 'read-write', async ({ payments }) => {
    let rounds = 0;
    for await (const outcomes of changeAllLetters(payments, 'redrive', {}, { dryRun: false, force: false })) {
      rounds += outcomes.length > 0 ? 1 : 0;
      await bury();
    }
    expect(rounds).toBe(2);
  });
  expect(await outbox()).toHaveLength(150);
});

test('two operators at once send each record once', async () => {
  for (let number = 0; number < 120; number += 1) await bury();
  const results = await Promise.all([
    databases.ops('dead-letters', 'redrive', '--all'),
    databases.ops('dead-letters', 'redrive', '--all', '--service', 'payments'),
  ]);
  expect(results.map(({ code }) => code)).toEqual([0, 0]);
  expect(await outbox()).toHaveLength(120);
});

test('a record without a value is refused; one whose key is no text is sent with an empty key', async () => {
  await bury({ value: null });
  await bury({ key: null });
  await bury({ key: Buffer.from([0xff, 0]) });
  const { code, out } = await databases.ops('dead-letters', 'redrive', '--all');
  expect(out).toContain('2 redriven, 0 left alone, 1 refused');
  expect(code).toBe(2);
  expect((await outbox()).map(({ key }) => key)).toEqual(['', '']);
});

test('a mistyped id changes nothing', async () => {
  const letter = await bury();
  const { code, err } = await databases.ops('dead-letters', 'redrive', '--service', 'payments', letter.id, '999999');
  expect(err).toContain('payments has no dead letter 999999');
  expect([code, await stateOf(letter.id)]).toEqual([2, 'DEAD after 1']);
});

test('the list shows what is dead, where it was and why, and obeys no escape sequence in it', async () => {
  const letter = await bury({ why: 'evil \u001b[2J text' });
  await bury({ state: 'DISCARDED', why: 'left out' });
  const { code, out } = await databases.ops('dead-letters', 'list');
  expect(out).toContain(letter.eventId);
  expect(out).toContain('orders.events[3]@');
  expect(out).toContain('evil \\u{1b}[2J text');
  expect(out).not.toContain('left out');
  expect(code).toBe(0);
  const all = JSON.parse((await databases.ops('dead-letters', 'list', '--state', 'all', '--json')).out) as unknown[];
  expect(all).toHaveLength(2);
});

test('a letter is shown decoded where the registry knows its schema, and as bytes where it does not', async () => {
  const codec = createEventCodec({
    registryUrl: databases.config.registryUrl,
    schemas: allSchemas,
    logger: createLogger({ service: 'test', level: 'silent' }),
  });
  await codec.start(new AbortController().signal);
  const event = orderCreated({
    orderId: newOrderId(),
    userId: parseUserId(randomUUID()),
    amount: 600n,
    description: 'a book',
    createdAt: new Date(),
  });
  const known = await bury({ value: codec.encode(toEnvelope(event)) });
  const unknown = await bury({ value: Buffer.from([0, 0, 0x7f, 0xff, 0xff, 1]) });
  const { code, out } = await databases.ops('dead-letters', 'show', '--service', 'payments', known.id, unknown.id);
  const [decoded = '', raw = ''] = out.split('\n\n');
  expect(decoded).toContain('"description": "a book"');
  expect(decoded).toContain('"amount": 600');
  expect(decoded).toContain('{"source":"test"}');
  expect(raw).toContain('cannot be read');
  expect(raw).toContain('hex 00007fffff01');
  expect(code).toBe(0);
});

test.each([
  [['dead-letters'], 'Say what to do'],
  [['dead-letters', 'bury'], 'does not know "bury"'],
  [['dead-letters', 'redrive'], 'either their ids with --service, or --all'],
  [['dead-letters', 'redrive', '--all', '1'], 'either their ids with --service, or --all'],
  [['dead-letters', 'redrive', '1'], 'Ids are per service'],
  [['dead-letters', 'show', '--service', 'payment', '1'], '--service must be orders or payments'],
  [['dead-letters', 'show', '--service', 'payments', 'x'], 'not the id of a dead letter'],
  [['dead-letters', 'list', '--state', 'gone'], '--state must be'],
])('%j is a usage error', async (args, message) => {
  const { code, err } = await databases.ops(...args);
  expect(err).toContain(message);
  expect(code).toBe(2);
});
