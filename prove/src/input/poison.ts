import type { Service } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { PARTITIONS } from '@order-payments/local/infrastructure/topics.ts';
import { ClientWithHistory } from '@order-payments/local/test-kit/client-with-history.ts';
import { readCounter } from '@order-payments/local/test-kit/counter.ts';
import { eventually } from '@order-payments/local/test-kit/eventually.ts';
import { findSchemaIds, poisonMix } from '@order-payments/local/test-kit/poison-mix.ts';
import type { Poison } from '@order-payments/local/test-kit/poison.ts';
import { runOps } from '@order-payments/local/test-kit/run-ops.ts';
import { Kafka, logLevel } from 'kafkajs';
import type { Producer } from 'kafkajs';
import { seededRandom } from '../random.ts';
import type { Random } from '../random.ts';
import type { Arena } from './arena.ts';
import { inParallel, Tally } from './attack.ts';
import type { Attack } from './attack.ts';
import { chanceBytes } from './http/mutate.ts';

const SIDES = ['orders', 'payments'] as const;
/** Who reads a topic keeps its dead letters. */
const CONSUMER_OF = { orders: 'payments', payments: 'orders' } as const;
const CHUNK = 100;
const CONTRADICTED = 40;
const GOOD_AT_ONCE = 8;
const DIGESTED_TIMEOUT_MS = 120_000;

type Named = Poison & { readonly name: string };

/** Poison among good orders: the good ones settle, each piece of poison is accounted for once, and operators can clear it. */
export const poison: Attack = {
  name: 'poison',
  run: async (arena) => {
    const tally = new Tally();
    const random = seededRandom(arena.seed, 'poison');
    const records = arena.isLong ? 10_000 : 2_000;
    const client = new ClientWithHistory(arena.url);
    const settled = await placeOrders(client, random.uuid(), CONTRADICTED);
    await untilSettled(arena, settled);
    const skippedBefore = await skipped(arena);
    const mix = poisonMix(await findSchemaIds(arena.platform.surroundings.schemaRegistryUrl), settled, records / 2);
    const named = { orders: mixUp('orders', mix.orders, random), payments: mixUp('payments', mix.payments, random) };
    const kafka = new Kafka({ brokers: [arena.platform.surroundings.kafkaBrokers], logLevel: logLevel.NOTHING });
    const producer = kafka.producer();
    await producer.connect();
    const [good] = await Promise.all([
      placeOrders(client, random.uuid(), records / 10),
      ...SIDES.map(async (side) => sendAll(arena, producer, { side, poison: named[side], random })),
    ]);
    await producer.disconnect();
    await untilSettled(arena, good);
    tally.sent = records;
    tally.count('good orders settled', good.length);
    for (const side of SIDES) await judgeLetters(arena, side, named[side], tally);
    const skips = (await skipped(arena)) - skippedBefore;
    const wanted = SIDES.flatMap((side) => named[side]).filter(({ fate }) => fate === 'skipped').length;
    tally.count('skipped', skips);
    tally.demand(skips === wanted, `${skips} records were skipped, and ${wanted} should be`);
    await clear(arena, tally);
    arena.history.push(...client.history);
    return tally;
  },
};

function mixUp(side: Service, poison: readonly Poison[], random: Random): Named[] {
  return random.shuffled(poison).map((one, i) => ({ ...one, name: `${side} ${i}: ${one.kind}` }));
}

async function placeOrders(
  client: ClientWithHistory,
  userId: string,
  count: number,
): Promise<Array<{ id: string; userId: string }>> {
  await client.openAccount(userId);
  await client.topUp(userId, 1_000_000_000);
  const placed: Array<{ id: string; userId: string }> = [];
  const numbers = Array.from({ length: count }, (_, i) => i);
  await inParallel(GOOD_AT_ONCE, numbers, async (n) => {
    const { body } = await client.order({ userId, amount: 1 + (n % 50), description: 'beside poison' });
    placed.push({ id: String(body['id']), userId });
  });
  return placed;
}

async function untilSettled({ databases }: Arena, orders: ReadonlyArray<{ id: string }>): Promise<void> {
  const ids = orders.map(({ id }) => id);
  const check = async (): Promise<void> => {
    const { rows } = await databases.orders.query<{ count: number }>(
      `select count(*)::int as count from orders where id = any($1::uuid[]) and status = 'FINISHED'`,
      [ids],
    );
    if (rows[0]?.count !== ids.length) throw new Error(`${rows[0]?.count} of ${ids.length} good orders are FINISHED.`);
  };
  await eventually(check, { timeoutMs: DIGESTED_TIMEOUT_MS });
}

/** Onto all partitions, each under a name that its dead letter has to carry; some with a key that is no text, or none. */
async function sendAll(
  { platform }: Arena,
  producer: Producer,
  { side, poison, random }: { side: Service; poison: readonly Named[]; random: Random },
): Promise<void> {
  for (let start = 0; start < poison.length; start += CHUNK) {
    const messages = poison.slice(start, start + CHUNK).map(({ name, kind, value }) => ({
      // Records that wait for a schema stop their partition: one of them is enough to wait for.
      partition: kind === 'unknown schema' ? 0 : random.below(PARTITIONS),
      key: random.pick([random.uuid(), chanceBytes(random, 8), null]),
      value,
      headers: { poison: name },
    }));
    await producer.send({ topic: platform.surroundings.topics[side], messages });
  }
}

/** Exactly once each, with its bytes, and nothing that nobody sent. */
async function judgeLetters(arena: Arena, side: Service, sent: readonly Named[], tally: Tally): Promise<void> {
  const wanted = new Map(sent.filter(({ fate }) => fate === 'dead letter').map((one) => [one.name, hex(one.value)]));
  const read = async (): Promise<Array<{ name: string | null; value: Buffer | null }>> => {
    const { rows } = await arena.databases[CONSUMER_OF[side]].query<{ name: string | null; value: Buffer | null }>(
      `select headers ->> 'poison' as name, value from dead_letters where topic = $1 and state = 'DEAD'`,
      [arena.platform.surroundings.topics[side]],
    );
    return rows;
  };
  await eventually(
    async () => {
      const { length } = await read();
      if (length < wanted.size) throw new Error(`${length} dead letters of ${wanted.size} in ${side}`);
    },
    { timeoutMs: DIGESTED_TIMEOUT_MS },
  ).catch((error: unknown) => tally.defect(String(error)));
  const rows = await read();
  tally.count('dead letters', rows.length);
  for (const { name, value } of rows) {
    tally.demand(
      wanted.get(name ?? '') === hex(value),
      `a dead letter in ${side} that nobody sent so, or twice: ${name}`,
    );
    wanted.delete(name ?? '');
  }
  for (const name of wanted.keys()) tally.defect(`no dead letter: ${name}`);
}

/** What an operator does: sends all of it once more, sees it die again, and throws it away. */
async function clear(arena: Arena, tally: Tally): Promise<void> {
  const { operated, databases } = arena;
  const letters = tally.answers.get('dead letters') ?? 0;
  const count = async (): Promise<number> => {
    const counts = SIDES.map(async (side) => {
      const sql = `select count(*)::int as count from dead_letters where state = 'DEAD'`;
      const { rows } = await databases[side].query<{ count: number }>(sql);
      return rows[0]?.count ?? 0;
    });
    return (await Promise.all(counts)).reduce((sum, one) => sum + one, 0);
  };
  const redriven = await runOps(operated, 'dead-letters', 'redrive', '--all', '--json');
  tally.demand(redriven.code === 0, `ops dead-letters redrive: ${redriven.out.slice(-500)}`);
  await eventually(
    async () => {
      const again = await count();
      if (again !== letters) throw new Error(`${again} of ${letters} redriven letters died again`);
    },
    { timeoutMs: DIGESTED_TIMEOUT_MS },
  ).catch((error: unknown) => tally.defect(String(error)));
  const discarded = await runOps(operated, 'dead-letters', 'discard', '--all');
  tally.demand(discarded.code === 0, `ops dead-letters discard: ${discarded.out.slice(-500)}`);
  const left = await count();
  tally.demand(left === 0, `${left} dead letters are left after all were discarded`);
  tally.notes.push(`${letters} letters redriven, died again, and discarded through ops`);
}

async function skipped({ platform: { ports } }: Arena): Promise<number> {
  const counts = [ports.ordersMetrics, ports.paymentsMetrics].map(async (port) =>
    readCounter(port, 'consumer_records_total', { result: 'skipped' }),
  );
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

function hex(value: Buffer | null): string {
  return value?.toString('hex') ?? 'null';
}
