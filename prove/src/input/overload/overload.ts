import { Worker } from 'node:worker_threads';
import { seededRandom } from '../../random.ts';
import type { Arena } from '../arena.ts';
import { readCpuMs } from '../memory.ts';
import { demandInTime, inParallel, Tally } from '../attack.ts';
import type { Attack } from '../attack.ts';
import type { LoadOrder, LoadResult } from './load.ts';

const THREADS = 2;
/** Clients of the closed loops that find the peak, and what an overload may keep open; both of all threads together. */
const PEAK_SOCKETS = [64, 128, 256] as const;
const OVERLOAD_SOCKETS = 4_000;
const OVERLOAD_FACTOR = 10;
/** Less than this of what is due, and it was no overload worth the name. */
const SENT_FACTOR_MIN = 5;
/** Of the peak, beside an overload of ten times as much. */
const GOODPUT_SHARE_MIN = 0.8;
/** A request waits at most 3 s for room in the gateway, and then a call has 5 s: what takes longer is answered 503 or 504. */
const LATENCY_P99_MAX_MS = 8_000;
const RECOVERY_SHARE_MIN = 0.8;
/** Keys of unknown outcome that are asked again. */
const RESOLVED_MAX = 300;
const USERS = 500;

interface Burst extends LoadResult {
  /** Orders sent and orders accepted a second, while the burst lasted. */
  readonly sentPerSecond: number;
  readonly goodput: number;
  /** CPU time of the gateway for each accepted order, refusals and all. */
  readonly cpuMsAnOrder: number;
}

/** Ten times the peak, with the peak measured before, between and after: so machines that become slower do not decide. */
export const overload: Attack = {
  name: 'overload',
  run: async (arena) => {
    const tally = new Tally();
    const random = seededRandom(arena.seed, 'overload');
    const users = Array.from({ length: USERS }, random.uuid);
    const rounds = arena.isLong ? 4 : 2;
    const durationMs = arena.isLong ? 20_000 : 5_000;
    const bursts: Burst[] = [];
    const run = async (name: string, sockets: number, ratePerSecond: number | undefined): Promise<Burst> => {
      const keyPrefix = `overload-${bursts.length}`;
      const cpuBefore = await readCpuMs(arena.platform, 'gateway');
      const result = await runThreads({
        port: arena.platform.ports.http,
        sockets,
        durationMs,
        ratePerSecond,
        keyPrefix,
        users,
      });
      const cpuMs = (await readCpuMs(arena.platform, 'gateway')) - cpuBefore;
      const burst = { ...result, cpuMsAnOrder: cpuMs / result.accepted.length };
      bursts.push(burst);
      arena.say(`overload: ${describe(name, burst)}`);
      tally.notes.push(describe(name, burst));
      return burst;
    };
    // Twice: a gateway that has just been started serves half as much, until its code is compiled.
    await run('warm-up', PEAK_SOCKETS[0], undefined);
    await run('warm-up', PEAK_SOCKETS[0], undefined);
    const loops: Array<{ readonly sockets: number; readonly burst: Burst }> = [];
    for (const sockets of PEAK_SOCKETS)
      loops.push({ sockets, burst: await run(`${sockets} clients in a loop`, sockets, undefined) });
    const best = loops.reduce((a, b) => (b.burst.goodput > a.burst.goodput ? b : a));
    tally.notes.push(`the peak is that of ${best.sockets} clients: ${best.burst.goodput} orders/s`);
    const shares: number[] = [];
    let before = best.burst;
    for (let round = 0; round < rounds; round += 1) {
      const rate = Math.round(before.goodput * OVERLOAD_FACTOR);
      const burst = await run(`${OVERLOAD_FACTOR} x the peak due`, OVERLOAD_SOCKETS, rate);
      const after = await run('peak again, at once', best.sockets, undefined);
      const factor = burst.sentPerSecond / before.goodput;
      tally.notes.push(`${factor.toFixed(1)} x the peak was sent`);
      demandInTime(tally, factor >= SENT_FACTOR_MIN, `only ${factor.toFixed(1)} x the peak could be sent`);
      shares.push(burst.goodput / ((before.goodput + after.goodput) / 2));
      const p99 = percentile(burst, 0.99);
      demandInTime(tally, p99 <= LATENCY_P99_MAX_MS, `accepted orders took ${p99} ms (99 % of them at most)`);
      demandInTime(
        tally,
        after.goodput >= RECOVERY_SHARE_MIN * before.goodput,
        `after the overload ${after.goodput} orders/s, before it ${before.goodput}`,
      );
      before = after;
    }
    const share = median(shares);
    tally.notes.push(`goodput under overload is ${(share * 100).toFixed(0)} % of the peak (median of ${rounds})`);
    demandInTime(tally, share >= GOODPUT_SHARE_MIN, `goodput fell to ${(share * 100).toFixed(0)} % of the peak`);
    await judgeBursts(arena, bursts, tally);
    return tally;
  },
};

async function runThreads(order: LoadOrder): Promise<Omit<Burst, 'cpuMsAnOrder'>> {
  const share = (thread: number): LoadOrder => ({
    ...order,
    sockets: order.sockets / THREADS,
    ratePerSecond: order.ratePerSecond === undefined ? undefined : order.ratePerSecond / THREADS,
    keyPrefix: `${order.keyPrefix}-${thread}`,
  });
  const halves = await Promise.all(Array.from({ length: THREADS }, (_, thread) => runThread(share(thread))));
  const answers: Record<string, number> = {};
  for (const half of halves)
    for (const [answer, count] of Object.entries(half.answers)) answers[answer] = (answers[answer] ?? 0) + count;
  const inTime = answers['accepted within the time'] ?? 0;
  delete answers['accepted within the time'];
  const tookMs = Math.max(...halves.map((half) => half.tookMs));
  const sent = halves.reduce((sum, half) => sum + half.sent, 0);
  return {
    accepted: halves.flatMap(({ accepted }) => accepted),
    shed: halves.flatMap(({ shed }) => shed),
    unknown: halves.flatMap(({ unknown }) => unknown),
    wrong: halves.flatMap(({ wrong }) => wrong),
    latenciesMs: halves.flatMap(({ latenciesMs }) => latenciesMs).toSorted((a, b) => a - b),
    sent,
    unsent: halves.reduce((sum, { unsent }) => sum + unsent, 0),
    answers,
    tookMs,
    sentPerSecond: Math.round(sent / (tookMs / 1000)),
    goodput: Math.round(inTime / (tookMs / 1000)),
  };
}

async function runThread(order: LoadOrder): Promise<LoadResult> {
  const { promise, resolve, reject } = Promise.withResolvers<LoadResult>();
  const worker = new Worker(new URL('./load-worker.ts', import.meta.url), { workerData: order });
  worker.once('message', resolve);
  worker.once('error', reject);
  return promise;
}

/** I5 and I7: every 201 is there under its key, nothing that was shed is, and what is unknown is resolved by its key. */
async function judgeBursts({ databases, url }: Arena, bursts: readonly Burst[], tally: Tally): Promise<void> {
  const { rows } = await databases.orders.query<{ id: string; key: string; user_id: string; amount: string }>(
    `select id, idempotency_key as key, user_id, amount from orders where idempotency_key like 'overload-%'`,
  );
  const orderOfKey = new Map(rows.map((row) => [row.key, row]));
  for (const burst of bursts) {
    for (const [answer, count] of Object.entries(burst.answers)) tally.count(answer, count);
    tally.sent += Object.values(burst.answers).reduce((sum, count) => sum + count, 0);
    for (const wrong of burst.wrong) tally.defect(wrong);
    for (const [key, id] of burst.accepted)
      tally.demand(
        orderOfKey.get(key)?.id === id,
        `${key} was answered 201 as ${id} and is ${orderOfKey.get(key)?.id}`,
      );
    for (const key of burst.shed) tally.demand(!orderOfKey.has(key), `${key} was shed and is there`);
  }
  const unknown = bursts.flatMap((burst) => burst.unknown).slice(0, RESOLVED_MAX);
  await inParallel(16, unknown, async (key) => {
    const made = orderOfKey.get(key);
    if (made === undefined) return;
    const response = await fetch(`${url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ user_id: made.user_id, amount: Number(made.amount), description: 'overload' }),
    });
    const { id } = (await response.json()) as { id?: string };
    tally.demand(
      response.status === 201 && id === made.id,
      `${key} was made and its key answers ${response.status} ${id}`,
    );
  });
  tally.notes.push(`${unknown.length} unknown outcomes looked up and asked again with their keys`);
}

function percentile({ latenciesMs }: LoadResult, share: number): number {
  return Math.round(latenciesMs[Math.floor((latenciesMs.length - 1) * share)] ?? 0);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

function describe(name: string, burst: Burst): string {
  const told = Object.entries(burst.answers).map(([answer, count]) => `${answer}: ${count}`);
  const latency = [0.5, 0.99, 1].map((share) => percentile(burst, share)).join('/');
  return (
    `${name}: ${burst.sentPerSecond} sent/s, ${burst.unsent} found no free connection, ${burst.goodput} accepted/s, ` +
    `p50/p99/max ${latency} ms, ${burst.cpuMsAnOrder.toFixed(2)} ms of the gateway's CPU an order (${told.join(', ')})`
  );
}
