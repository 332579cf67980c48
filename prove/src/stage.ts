import { setTimeout as sleep } from 'node:timers/promises';
import { beginPlatform } from '@order-payments/local/platform.ts';
import type { LinkName, Platform, PlatformEvent } from '@order-payments/local/platform.ts';
import type { Service } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { ephemeralPorts } from '@order-payments/local/ports.ts';
import type { Ports } from '@order-payments/local/ports.ts';
import { openLossyLink } from '@order-payments/local/test-kit/lossy-link.ts';
import type { LossyLink } from '@order-payments/local/test-kit/lossy-link.ts';
import { unplanned } from './deaths.ts';
import type { Death, PlannedDeath } from './deaths.ts';
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
  /**
   * Ends it as an upgrade does, and lets it start again with this in its environment. Resolves when it has ended, with which
   * process it was; undefined where there was none.
   */
  replace(part: string, env?: Readonly<Record<string, string>>): Promise<number | undefined>;
  /** What the next start of the part has in its environment, and no later one. */
  arm(part: string, env: Readonly<Record<string, string>>): void;
  disarm(part: string): void;
  /** Notes a death that a seam has caused, or is about to. */
  expectDeath(part: string): void;
  /** Deaths that are not our doing. */
  unplannedDeaths(): Death[];
  /** Names of the parts that were added to the platform's own. */
  readonly added: Set<string>;
  kills(): number;
  stop(): Promise<void>;
}

/** So many deaths in a minute are more than any schedule plans. */
export const DEATHS_MAX = 200;
/** Slow machines included; what is not back by then does not come back. */
const BACK_TIMEOUT_MS = 180_000;
/** As long as Kubernetes gives a pod; the supervisor's own patience is for a terminal, and shorter than the processes'. */
const GRACE_MS = 30_000;
/** How long after a kill its death may be seen. */
const SEEN_MS = 15_000;

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
  readonly deaths: Death[] = [];

  /** Once: the next life is not armed. */
  readonly envAtStart = (part: string): Readonly<Record<string, string>> => {
    const env = this.armed.get(part) ?? {};
    this.armed.delete(part);
    return env;
  };

  readonly note = (event: PlatformEvent): void => {
    if (event.type === 'died') this.deaths.push({ part: event.part, at: Date.now(), reason: event.reason });
  };
}

export function stageOn(
  ground: Pick<Stage, 'platform' | 'links' | 'url' | 'databases' | 'dataDirectories'>,
  { armed, deaths }: Watch,
): Stage {
  const { platform } = ground;
  const planned: PlannedDeath[] = [];
  let kills = 0;
  const planKill = (part: string, from: number): void => {
    kills += 1;
    planned.push({ part, from, until: Date.now() + SEEN_MS, reason: /SIGKILL/ });
  };
  return {
    ...ground,
    kill: (part) => {
      const handle = platform.part(part);
      const pid = handle.pid();
      if (pid === undefined) return undefined;
      planKill(part, Date.now());
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
      armed.set(part, env);
      const pid = handle.pid();
      if (pid === undefined) return undefined;
      const from = Date.now();
      // By the signal where it had not come as far as to listen for it.
      planned.push({ part, from, until: from + GRACE_MS + SEEN_MS, reason: /code 0|SIGTERM/ });
      handle.kill('SIGTERM');
      if (!(await holds(() => handle.pid() !== pid, GRACE_MS))) {
        deaths.push({ part, at: Date.now(), reason: `does not end within ${GRACE_MS / 1_000} s of a SIGTERM` });
        planKill(part, Date.now());
        handle.kill('SIGKILL');
      }
      return pid;
    },
    arm: (part, env) => void armed.set(part, env),
    disarm: (part) => void armed.delete(part),
    expectDeath: (part) => planKill(part, Date.now() - GRACE_MS),
    unplannedDeaths: () => unplanned(deaths, planned),
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
