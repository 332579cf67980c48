import { CreateOrderResponse } from '@order-payments/contracts/generated/orders/v1/orders.ts';
import { TopUpAccountResponse } from '@order-payments/contracts/generated/payments/v1/payments.ts';
import type { Arena } from '../arena.ts';
import { inParallel, Tally } from '../attack.ts';
import type { Attack } from '../attack.ts';
import { mutate } from '../http/mutate.ts';
import { seededRandom } from '../../random.ts';
import type { Random } from '../../random.ts';
import { sendRawFrames } from './raw-frames.ts';
import { badCalls, CREATE_ORDER, STATUS, TOP_UP, validMessages } from './messages.ts';
import type { BadCall, Service } from './messages.ts';
import { frame, openSession } from './session.ts';
import type { GrpcOutcome, GrpcSession } from './session.ts';

const NAMES = new Map<number, string>(Object.entries(STATUS).map(([name, code]) => [code, name]));
const CALLS_AT_ONCE = 16;
const BALANCE = 1_000_000;
/** Whatever a mutated message became, the service knows these answers to it. */
const ANY: BadCall['allowed'] = [
  STATUS.OK,
  STATUS.INVALID_ARGUMENT,
  STATUS.NOT_FOUND,
  STATUS.FAILED_PRECONDITION,
  STATUS.RESOURCE_EXHAUSTED,
  STATUS.UNIMPLEMENTED,
  'closed',
];
const LEAK = /127\.0\.0\.1|node_modules|\.ts\b|ECONN|\n +at |select |insert into/i;

/** What was done by calls that said OK. */
interface Deeds {
  readonly orders: Set<string>;
  readonly credits: Set<string>;
}

export const mutatedCalls: Attack = {
  name: 'grpc',
  run: async (arena) => {
    const tally = new Tally();
    const random = seededRandom(arena.seed, 'grpc');
    const deeds: Deeds = { orders: new Set(), credits: new Set() };
    const userId = random.uuid();
    await openAccount(arena, userId);
    const sessions = sessionsOf(arena);
    const calls = [...badCalls(userId, random), ...mutants(userId, random, arena.isLong ? 60_000 : 4_000)];
    await inParallel(CALLS_AT_ONCE, calls, async (bad) => {
      const outcome = await sessions.get(bad.service).call(bad.path, bad.body, bad.headers);
      tally.sent += 1;
      judgeOutcome(bad, outcome, tally);
      remember(bad, outcome, deeds);
    });
    await judgeDeeds(arena, userId, deeds, tally);
    await resetStreams(arena, random, tally);
    await sendRawFrames(arena, seededRandom(arena.seed, 'frames'), tally);
    sessions.close();
    await judgeHealth(arena, tally);
    return tally;
  },
};

/** One session a service, opened again when the server ends it. */
function sessionsOf({ platform: { ports } }: Arena): { get(service: Service): GrpcSession; close(): void } {
  const open = new Map<Service, GrpcSession>();
  return {
    get: (service) => {
      const known = open.get(service);
      if (known !== undefined && !known.isClosed) return known;
      const session = openSession(service === 'orders' ? ports.ordersGrpc : ports.paymentsGrpc);
      open.set(service, session);
      return session;
    },
    close: () => {
      for (const session of open.values()) session.close();
    },
  };
}

function* mutants(userId: string, random: Random, count: number): Generator<BadCall> {
  const valid = validMessages(userId);
  for (let n = 0; n < count; n += 1) {
    const { service, path, bytes } = random.pick(valid);
    const inside = n % 2 === 0;
    const body = inside ? [frame(Buffer.concat(mutate(bytes, random)))] : mutate(frame(bytes), random);
    yield { name: `mutant ${n}`, service, path, body, allowed: ANY };
  }
}

function judgeOutcome({ name, path, body, allowed }: BadCall, { status, message }: GrpcOutcome, tally: Tally): void {
  const told = status === 'closed' ? `closed` : (NAMES.get(status) ?? String(status));
  tally.count(told);
  const what = `${name} to ${path} was answered ${told} "${message}": ${Buffer.concat(body).subarray(0, 80).toString('hex')}`;
  tally.demand(allowed.includes(status), what);
  tally.demand(!LEAK.test(message), `a leak: ${what}`);
}

function remember({ path }: BadCall, { status, response }: GrpcOutcome, deeds: Deeds): void {
  if (status !== STATUS.OK || response === undefined) return;
  if (path === CREATE_ORDER) deeds.orders.add(CreateOrderResponse.decode(response).order?.id ?? '');
  if (path === TOP_UP) deeds.credits.add(TopUpAccountResponse.decode(response).transaction?.id ?? '');
}

/** Nothing was done but what was answered with OK. */
async function judgeDeeds(
  { databases }: Arena,
  userId: string,
  { orders, credits }: Deeds,
  tally: Tally,
): Promise<void> {
  const made = await databases.orders.query<{ id: string }>(
    'select id from orders where user_id = $1 or id = any($2::uuid[])',
    [userId, [...orders]],
  );
  const credited = await databases.payments.query<{ id: string }>(
    `select t.id from transactions t join accounts a on a.id = t.account_id
     where a.user_id = $1 and t.type = 'CREDIT' and t.amount <> $2`,
    [userId, BALANCE],
  );
  for (const [what, rows, answered] of [
    ['order', made.rows, orders],
    ['top-up', credited.rows, credits],
  ] as const) {
    const there = new Set(rows.map(({ id }) => id));
    for (const id of there) tally.demand(answered.has(id), `${what} ${id} was made by a call that did not say so`);
    for (const id of answered) tally.demand(there.has(id), `${what} ${id} was answered OK and is not there`);
  }
  tally.notes.push(
    `${orders.size} orders and ${credits.size} top-ups of mutants that were good still, each answered OK; no other`,
  );
}

/** Streams that are opened and reset at once, thousands on one connection. */
async function resetStreams(arena: Arena, random: Random, tally: Tally): Promise<void> {
  const count = arena.isLong ? 20_000 : 2_000;
  const sessions = sessionsOf(arena);
  for (const service of ['orders', 'payments'] as const) {
    const { path, bytes } = random.pick(validMessages(random.uuid()).filter((message) => message.service === service));
    for (let n = 0; n < count; n += 1) {
      sessions.get(service).reset(path, frame(bytes));
      if (n % 50 === 0) await new Promise((done) => setImmediate(done));
    }
    tally.sent += count;
    tally.count('reset by us', count);
  }
  sessions.close();
}

async function judgeHealth(arena: Arena, tally: Tally): Promise<void> {
  const sessions = sessionsOf(arena);
  for (const service of ['orders', 'payments'] as const) {
    const { status } = await sessions.get(service).call('/grpc.health.v1.Health/Check', [frame(Buffer.alloc(0))]);
    tally.demand(status === STATUS.OK, `${service} is not healthy afterwards: ${status}`);
  }
  sessions.close();
}

async function openAccount({ url }: Arena, userId: string): Promise<void> {
  const post = async (path: string, body: object): Promise<void> => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const { status } = await fetch(`${url}${path}`, init);
    if (status !== 201) throw new Error(`POST ${path} was answered ${status}.`);
  };
  await post('/accounts', { user_id: userId });
  await post(`/accounts/${userId}/top-ups`, { amount: BALANCE });
}
