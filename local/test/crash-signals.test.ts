import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Exit, RunningPart } from '../src/process/run-part.ts';
import { isFinal } from '../src/test-kit/client-with-history.ts';
import type { Answer, Wish } from '../src/test-kit/client-with-history.ts';
import { eventually } from '../src/test-kit/eventually.ts';
import { startServices } from '../src/test-kit/start-services.ts';
import type { TestServices } from '../src/test-kit/start-services.ts';
import { disarm, partOf, recover, startAlone } from './armed-part.ts';
import { connect, expectAllRight } from './judge.ts';
import { Shoppers } from './shoppers.ts';

const MINUTE_MS = 60_000;
const everyPart = ['outbox-relay-orders', 'payments', 'outbox-relay-payments', 'orders', 'gateway'];

let services: TestServices;
let shoppers: Shoppers;

beforeAll(async () => {
  services = await startServices({ env: { LOG_LEVEL: 'warn', KAFKA_SESSION_TIMEOUT_MS: '3000' } });
  shoppers = await Shoppers.open(services.url);
}, 2 * MINUTE_MS);

afterEach(async () => {
  await disarm(services);
  // What a failed test left under way has told what it had to.
  await shoppers.rest().catch(() => undefined);
}, MINUTE_MS);

afterAll(() => services.stop(), MINUTE_MS);

test(
  'each process that is stopped at work ends in order within its time, and all settles when it is back',
  async () => {
    shoppers.begin();
    for (const name of everyPart) {
      await sleep(500);
      // A part that takes longer than its stopTimeoutMs gets SIGKILL.
      expect([name, await services.part(name).stop()]).toEqual([name, { code: 0, signal: null }]);
      await recover(services, name);
    }
    await shoppers.rest();
    await expectAllRight(services, shoppers);
  },
  2 * MINUTE_MS,
);

test(
  'the gateway answers every request that it has before it ends',
  async () => {
    // Nothing settles, so each request is under way for as long as it asks to wait.
    await services.part('outbox-relay-orders').stop();
    const before = Date.now();
    const answers = Array.from({ length: 50 }, () => order('wait=3'));
    await sleep(1_500);
    expect(await services.part('gateway').stop()).toEqual({ code: 0, signal: null });
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 50 }, () => 201));
    expect(Date.now() - before).toBeGreaterThan(2_000);
    await recover(services, 'gateway');
    await recover(services, 'outbox-relay-orders');
  },
  MINUTE_MS,
);

test(
  'a second SIGTERM ends the gateway at once, with requests in hand',
  async () => {
    await services.part('outbox-relay-orders').stop();
    const gateway = await startAsItIs('gateway');
    const answer = order('wait=10');
    await sleep(3_000);
    await expectEndsOnSecondSignal(gateway);
    expect(await answer).toBeUndefined();
    await recover(services, 'gateway');
    for (const wish of shoppers.client.history.filter(({ answers }) => !answers.some(isFinal)))
      await shoppers.client.repeat(wish);
    await recover(services, 'outbox-relay-orders');
  },
  MINUTE_MS,
);

test(
  'a second SIGTERM ends a consumer at once, with a batch in hand',
  async () => {
    const payments = await startAsItIs('payments');
    const database = await connect(services.databases.payments.urls.superuser);
    await database.query('begin');
    await database.query('select from accounts for update');
    await shoppers.client.order({
      userId: shoppers.users[0] ?? '',
      amount: 1,
      description: 'it waits for its account',
    });
    const observer = await connect(services.databases.payments.urls.superuser);
    const isWaiting = `select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and query ~ 'from accounts'`;
    await eventually(async () => expect((await observer.query(isWaiting)).rowCount).toBeGreaterThan(0), {
      timeoutMs: 30_000,
    });
    await observer.end();
    await expectEndsOnSecondSignal(payments);
    await database.query('rollback');
    await database.end();
    await recover(services, 'payments');
    await expectAllRight(services, shoppers);
  },
  MINUTE_MS,
);

async function startAsItIs(name: string): Promise<RunningPart> {
  expect(await services.part(name).stop()).toEqual({ code: 0, signal: null });
  // Outside the supervisor, which would not wait for a second signal.
  return startAlone(services, partOf(services, name, {}));
}

async function expectEndsOnSecondSignal(running: RunningPart): Promise<void> {
  running.kill('SIGTERM');
  const early = await Promise.race([running.exited, sleep(1_000)]);
  expect(early).toBeUndefined();
  const askedAgain = Date.now();
  running.kill('SIGTERM');
  const exit: Exit = await running.exited;
  expect(exit).toEqual({ code: 1, signal: null });
  expect(Date.now() - askedAgain).toBeLessThan(3_000);
}

/** One attempt at an order; the status of the answer, or undefined where none came. */
async function order(prefer: string): Promise<number | undefined> {
  const wish = {
    kind: 'order',
    key: randomUUID(),
    userId: shoppers.users[0] ?? '',
    amount: 1,
    description: prefer,
    answers: [] as Answer[],
  } as const;
  shoppers.client.history.push(wish);
  wish.answers.push(await attempt(wish, prefer));
  return wish.answers[0]?.status;
}

async function attempt({ key, userId, amount, description }: Omit<Wish, 'kind'>, prefer: string): Promise<Answer> {
  try {
    const response = await fetch(`${services.url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key, prefer },
      body: JSON.stringify({ user_id: userId, amount, description }),
    });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  } catch {
    return { status: undefined, body: {} };
  }
}
