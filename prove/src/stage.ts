import { setTimeout as sleep } from 'node:timers/promises';
import { beginPlatform } from '@order-payments/local/platform.ts';
import type { LinkName, Platform, PlatformEvent } from '@order-payments/local/platform.ts';
import type { Service } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { ephemeralPorts } from '@order-payments/local/ports.ts';
import type { Ports } from '@order-payments/local/ports.ts';
import { openLossyLink } from '@order-payments/local/test-kit/lossy-link.ts';
import type { LossyLink } from '@order-payments/local/test-kit/lossy-link.ts';
import { LINKS } from './schedule.ts';
import type { Link } from './schedule.ts';

/** What of a platform the proof needs: one of its own, or one on infrastructure that others use, too. */
export type Ground = Pick<Platform, 'surroundings' | 'logs' | 'part' | 'add' | 'stop'>;

/** What faults act upon: the real local platform, with a proxy in each of its links, and a count of every death. */
export interface Stage {
  readonly platform: Ground;
  /** Where the databases are, past all links. */
  readonly databases: Readonly<Record<Service, { readonly port: number; readonly name: string }>>;
  /** What is to be removed afterwards. */
  readonly dataDirectories: readonly string[];
  /** Of those that have a proxy. */
  readonly links: Readonly<Partial<Record<Link, LossyLink>>>;
  /** Of the gateway, through its link. */
  readonly url: string;
  /** Kills the process that runs now, and says which it was; undefined where there is none at this moment. */
  kill(part: string): number | undefined;
  /** Resolves when another process than that one has the part's place and is ready. */
  untilBack(part: string, killed: number): Promise<void>;
  /** Ends it as an upgrade does, and starts it again with this in its environment. */
  replace(part: string, env?: Readonly<Record<string, string>>): Promise<void>;
  /** What the next start of the part has in its environment, and no later one. */
  arm(part: string, env: Readonly<Record<string, string>>): void;
  disarm(part: string): void;
  /** Notes a death that a seam is going to cause. */
  expectDeath(part: string): void;
  /** Deaths that were seen beyond those that were planned, by part. */
  unplannedDeaths(): Map<
    string,
    { readonly planned: number; readonly seen: number; readonly reasons: readonly string[] }
  >;
  /** Names of the parts that were added to the platform's own. */
  readonly added: Set<string>;
  kills(): number;
  stop(): Promise<void>;
}

/** So many deaths in a minute are more than any schedule plans. */
export const DEATHS_MAX = 200;
/** Slow machines included; what is not back by then does not come back. */
const BACK_TIMEOUT_MS = 180_000;

export async function setStage(
  directory: string,
  onEvent: (event: PlatformEvent) => void,
  signal: AbortSignal,
): Promise<Stage> {
  const ports = await ephemeralPorts();
  const links = await openLinks(ports);
  const watch = new Watch();
  const platform = await beginPlatform({
    ports,
    directory,
    fresh: true,
    extraEnv: { LOG_LEVEL: 'warn' },
    links: Object.fromEntries(LINKS.map((name) => [name, links[name].port])) as Record<LinkName, number>,
    deathsMax: DEATHS_MAX,
    envAtStart: watch.envAtStart,
    onEvent: (event) => {
      watch.note(event);
      onEvent(event);
    },
  });
  try {
    await Promise.race([platform.ready, rejectedWhenAborted(signal)]);
  } catch (error) {
    await platform.stop();
    throw error;
  }
  const stage = stageOn(
    {
      platform,
      links,
      url: `http://127.0.0.1:${links.http.port}`,
      databases: {
        orders: { port: ports.ordersDb, name: 'orders' },
        payments: { port: ports.paymentsDb, name: 'payments' },
      },
      dataDirectories: platform.dataDirectories,
    },
    watch,
  );
  return {
    ...stage,
    stop: async () => {
      await stage.stop();
      await Promise.all(LINKS.map((name) => links[name].close()));
    },
  };
}

/** What the processes of a platform are told at their start, and how they ended. */
export class Watch {
  readonly armed = new Map<string, Readonly<Record<string, string>>>();
  readonly seen = new Map<string, string[]>();

  /** Once: the next life is not armed. */
  readonly envAtStart = (part: string): Readonly<Record<string, string>> => {
    const env = this.armed.get(part) ?? {};
    this.armed.delete(part);
    return env;
  };

  readonly note = (event: PlatformEvent): void => {
    if (event.type === 'died') this.seen.set(event.part, [...(this.seen.get(event.part) ?? []), event.reason]);
  };
}

export function stageOn(
  ground: Pick<Stage, 'platform' | 'links' | 'url' | 'databases' | 'dataDirectories'>,
  { armed, seen }: Watch,
): Stage {
  const { platform } = ground;
  const planned = new Counter();
  let kills = 0;
  return {
    ...ground,
    kill: (part) => {
      const handle = platform.part(part);
      const pid = handle.pid();
      if (pid === undefined) return undefined;
      planned.add(part);
      kills += 1;
      handle.kill('SIGKILL');
      return pid;
    },
    untilBack: async (part, killed) => {
      const handle = platform.part(part);
      await holds(() => handle.pid() !== undefined && handle.pid() !== killed, BACK_TIMEOUT_MS);
      await handle.untilReady(BACK_TIMEOUT_MS);
    },
    replace: async (part, env = {}) => {
      const handle = platform.part(part);
      await handle.stop();
      armed.set(part, env);
      handle.start();
    },
    arm: (part, env) => void armed.set(part, env),
    disarm: (part) => void armed.delete(part),
    expectDeath: (part) => {
      planned.add(part);
      kills += 1;
    },
    unplannedDeaths: () =>
      new Map(
        [...seen]
          .map(([part, reasons]) => [part, { planned: planned.of(part), seen: reasons.length, reasons }] as const)
          .filter(([, deaths]) => deaths.seen > deaths.planned),
      ),
    added: new Set(),
    kills: () => kills,
    stop: () => platform.stop(),
  };
}

function rejectedWhenAborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return promise;
}

class Counter {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, this.of(name) + 1);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }
}

async function openLinks(ports: Ports): Promise<Record<Link, LossyLink>> {
  const opened = await Promise.all(LINKS.map(async (name) => [name, await openLossyLink(ports[name])] as const));
  return Object.fromEntries(opened) as Record<Link, LossyLink>;
}

/** Resolves when it holds; false when the time is over first. */
export async function holds(condition: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) return false;
    await sleep(50);
  }
  return true;
}
