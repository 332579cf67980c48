import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultRecord } from './faults/inflict.ts';
import { inflictAll } from './faults/inflict.ts';
import { judge, settleAll } from './judge.ts';
import type { Judgement } from './judge.ts';
import { Load } from './load.ts';
import { MemoryWatch, peaks } from './memory.ts';
import { Reader } from './reader.ts';
import { recoveryByKind } from './recovery.ts';
import type { KindOfFault } from './recovery.ts';
import { labelOf, makeSchedule, SERVICES } from './schedule.ts';
import type { PlannedFault } from './schedule.ts';
import { setStage } from './stage.ts';
import type { Stage } from './stage.ts';

export interface ProveOptions {
  readonly seed: number;
  /** In all: start and judgement included. */
  readonly seconds: number;
  /** Labels of faults, or how they begin; all faults without any. */
  readonly only: readonly string[];
  readonly ordersPerSecond: number;
  /** Where the platform keeps its data and logs. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly say: (what: string) => void;
  readonly progress: (progress: Progress) => void;
}

export interface Progress {
  readonly elapsedSeconds: number;
  readonly seconds: number;
  readonly orders: number;
  readonly ordersPlanned: number;
  readonly faults: number;
  readonly faultsPlanned: number;
  readonly kills: number;
  readonly violations: number;
  /** Faults that are going on. */
  readonly now: readonly string[];
}

export interface Proof extends Omit<Judgement, 'paid'> {
  readonly schedule: readonly PlannedFault[];
  readonly faults: readonly FaultRecord[];
  readonly kinds: readonly KindOfFault[];
  /** From the last heal until every order from before it was settled. */
  readonly settledAfterMs: number;
  readonly orders: number;
  /** More than `orders` where the machine was too slow to place them all. */
  readonly ordersPlanned: number;
  readonly wishes: number;
  /** Wishes that were not answered 201 at once. */
  readonly interrupted: number;
  readonly reads: number;
  readonly kills: number;
  readonly peakMegabytes: Readonly<Record<string, number>>;
  readonly dataDirectories: readonly string[];
  readonly logs: string;
}

/** What start, settling and judgement take of the time; a short run needs less. */
const OVERHEAD_SECONDS = 75;
const OVERHEAD_SHARE = 0.5;
/** Where the machine is slow, the load goes on so long after the faults. */
const OVERTIME_MS = 240_000;
const LONG_SECONDS = 900;

export function windowOf(seconds: number): number {
  return Math.round((seconds - Math.min(OVERHEAD_SECONDS, seconds * OVERHEAD_SHARE)) * 1_000);
}

export function scheduleOf({ seed, seconds, only }: Pick<ProveOptions, 'seed' | 'seconds' | 'only'>): PlannedFault[] {
  const windowMs = windowOf(seconds);
  const spared = seconds >= LONG_SECONDS ? { sparedFromMs: Math.round((windowMs * 2) / 3) } : {};
  return makeSchedule({ seed, windowMs, only, ...spared });
}

export async function prove(options: ProveOptions): Promise<Proof> {
  const { signal, say } = options;
  const beganAt = Date.now();
  say('starting the platform');
  const stage = await setStage(
    options.directory,
    (event) => {
      if (event.type === 'progress') say(event.message);
    },
    signal,
  );
  try {
    return await run(stage, options, beganAt);
  } finally {
    await stage.stop();
  }
}

async function run(stage: Stage, options: ProveOptions, beganAt: number): Promise<Proof> {
  const { seed, seconds, signal, say } = options;
  const windowMs = windowOf(seconds);
  const schedule = scheduleOf(options);
  const orders = Math.ceil((windowMs / 1_000) * options.ordersPerSecond);
  const tooLate = new AbortController();
  const load = new Load({ url: stage.url, seed, orders, windowMs, signal: AbortSignal.any([signal, tooLate.signal]) });
  const { hot, poor, rich } = load.crowd;
  const reader = new Reader(stage.url, load.client, [...hot, ...poor, ...rich]);
  const memory = new MemoryWatch(SERVICES, (part) => stage.platform.part(part).pid());
  const resting = new AbortController();
  const faults: FaultRecord[] = [];
  const going = new Set<PlannedFault>();
  const tick = setInterval(() => {
    options.progress({
      elapsedSeconds: (Date.now() - beganAt) / 1_000,
      seconds,
      orders: load.orders,
      ordersPlanned: orders,
      faults: faults.length,
      faultsPlanned: schedule.length,
      kills: stage.kills(),
      violations: load.violations.length + reader.violations.length,
      now: [...going].map(({ fault }) => labelOf(fault)),
    });
  }, 250);
  try {
    say(`opening ${hot.length + poor.length + rich.length} accounts`);
    await load.openAccounts();
    say(`${orders} orders and ${schedule.length} faults in ${Math.round(windowMs / 1_000)} s`);
    const reading = reader.run(resting.signal);
    const loading = load.run(Infinity);
    loading.catch(() => undefined);
    await inflictAll(stage, schedule, {
      signal,
      onBegin: (planned) => void going.add(planned),
      onRecord: (record) => {
        going.delete(record.planned);
        faults.push(record);
      },
    });
    const lastHealAt = Math.max(...faults.map(({ healedAt }) => healedAt), beganAt);
    say('no fault any more: every order from before has to settle within a minute');
    const healing = await settleAll(stage, lastHealAt);
    setTimeout(() => tooLate.abort(), OVERTIME_MS).unref();
    if (load.orders < orders) say('the load goes on until all its orders are placed');
    await loading;
    signal.throwIfAborted();
    say('what got no answer is asked again');
    await load.resolveAll();
    resting.abort();
    await reading;
    const { paid, ...judgement } = await judge({ stage, load, reader, lives: memory.lives, say });
    const notBack = faults.filter(({ failed }) => failed !== undefined);
    return {
      ...judgement,
      settledAfterMs: healing.settledAfterMs,
      violations: [
        ...healing.violations,
        ...judgement.violations,
        ...notBack.map(({ planned, failed }) => ({
          invariant: 'I8' as const,
          what: `after ${labelOf(planned.fault)}: ${failed}`,
        })),
      ],
      schedule,
      faults,
      kinds: recoveryByKind(faults, paid),
      orders: load.orders,
      ordersPlanned: orders,
      wishes: load.client.history.length,
      interrupted: load.client.history.filter(({ answers }) => answers[0]?.status !== 201).length,
      reads: reader.reads,
      kills: stage.kills(),
      peakMegabytes: peaks(memory.lives),
      dataDirectories: stage.dataDirectories,
      logs: stage.platform.logs,
    };
  } finally {
    clearInterval(tick);
    memory.stop();
    resting.abort();
    await sleep(0);
  }
}
