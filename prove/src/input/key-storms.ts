import type { Wish } from '@order-payments/local/test-kit/client-with-history.ts';
import { seededRandom } from '../random.ts';
import type { Arena } from './arena.ts';
import { inParallel, Tally } from './attack.ts';
import type { Attack } from './attack.ts';

const POSTS_A_KEY = 50;
/** So that the fifty of one key are really at once, beside those of a few others. */
const KEYS_AT_ONCE = 8;
const USERS = 20;
const BALANCE = 1_000_000;
const ATTEMPTS_MAX = 30;

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Fifty parallel POSTs a key, a fifth of them with another body: one thing is done, and every key has one answer. */
export const keyStorms: Attack = {
  name: 'key-storms',
  run: async (arena) => {
    const tally = new Tally();
    const random = seededRandom(arena.seed, 'key-storms');
    const users = Array.from({ length: USERS }, random.uuid);
    for (const userId of users) {
      await post(arena, '/accounts', { user_id: userId }, {});
      await storm(
        arena,
        tally,
        { kind: 'top-up', key: `storm-begin-${userId}`, userId, amount: BALANCE, description: '', answers: [] },
        1,
      );
    }
    const keys = arena.isLong ? 1_000 : 50;
    const wishes: Wish[] = Array.from({ length: 2 * keys }, (_, n) => ({
      kind: n % 2 === 0 ? 'order' : 'top-up',
      key: `storm-${n}`,
      userId: random.pick(users),
      amount: 1 + random.below(9),
      description: n % 2 === 0 ? `of key ${n}` : '',
      answers: [],
    }));
    await inParallel(KEYS_AT_ONCE, wishes, async (wish) => storm(arena, tally, wish, POSTS_A_KEY));
    await judgeRows(arena, keys, tally);
    tally.notes.push(`${keys} keys of orders and ${keys} of top-ups, ${POSTS_A_KEY} parallel POSTs each`);
    return tally;
  },
};

async function storm(arena: Arena, tally: Tally, wish: Wish, posts: number): Promise<void> {
  arena.history.push(wish);
  const { kind, key, userId, amount, description } = wish;
  const path = kind === 'order' ? '/orders' : `/accounts/${userId}/top-ups`;
  const bodyOf = (sum: number): object =>
    kind === 'order' ? { user_id: userId, amount: sum, description } : { amount: sum };
  const headers = { 'idempotency-key': key };
  // The first of them is asked for before the key means another thing; which one arrives first is left to chance.
  const asked = Array.from({ length: posts }, (_, i) => i % 5 === 4);
  const answers = await Promise.all(
    asked.map(async (isOther) => ({
      isOther,
      answer: await post(arena, path, bodyOf(isOther ? amount + 10 : amount), headers),
    })),
  );
  tally.sent += posts;
  for (const { answer } of answers) tally.count(`${answer.status}${answer.status === 422 ? ' reused' : ''}`);
  const done = answers.filter(({ answer }) => answer.status === 201);
  const winner = done[0];
  tally.demand(new Set(done.map(({ answer }) => answer.body['id'])).size === 1, `${key} was answered with several ids`);
  tally.demand(new Set(done.map(({ isOther }) => isOther)).size === 1, `${key} was answered 201 to two bodies`);
  // A whole top-up is the same; an order may have been settled in between.
  if (kind === 'top-up')
    tally.demand(new Set(done.map(({ answer }) => JSON.stringify(answer.body))).size === 1, `${key} has two answers`);
  for (const { isOther, answer } of answers)
    tally.demand(
      answer.status === 201 || (isOther !== winner?.isOther && answer.body['code'] === 'IDEMPOTENCY_KEY_REUSED'),
      `${key} was answered ${answer.status} ${String(answer.body['code'])}`,
    );
  // The history tells what was done, whichever body came first.
  if (winner?.isOther === true) Object.assign(wish, { amount: amount + 10 });
  wish.answers.push(...done.map(({ answer }) => answer));
}

/** Like any client it repeats, under the same key, what was refused for want of room or not answered. */
async function post(arena: Arena, path: string, body: object, headers: Record<string, string>): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await fetch(`${arena.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    const answer = { status: response.status, body: (await response.json()) as Record<string, unknown> };
    if (![408, 503, 504].includes(answer.status) || attempt === ATTEMPTS_MAX) return answer;
  }
}

async function judgeRows({ databases }: Arena, keys: number, tally: Tally): Promise<void> {
  for (const [name, client, sql] of [
    ['orders', databases.orders, `select count(*)::int as count from orders where idempotency_key ~ '^storm-[0-9]+$'`],
    [
      'top-ups',
      databases.payments,
      `select count(*)::int as count from transactions where idempotency_key ~ '^storm-[0-9]+$'`,
    ],
  ] as const) {
    const { rows } = await client.query<{ count: number }>(sql);
    tally.demand(rows[0]?.count === keys, `${rows[0]?.count} ${name} of ${keys} keys`);
  }
}
