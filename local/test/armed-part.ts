import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { serviceParts } from '../src/parts.ts';
import type { Part } from '../src/process/part.ts';
import { spawnPart, untilReady } from '../src/process/run-part.ts';
import type { Exit, RunningPart } from '../src/process/run-part.ts';
import { watchSeam } from '../src/test-kit/seam-log.ts';
import type { TestServices } from '../src/test-kit/start-services.ts';

export interface Arming {
  readonly seam: string;
  /** SIGKILL unless said otherwise. */
  readonly signal?: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP';
  readonly env?: Readonly<Record<string, string>>;
}

/** A part that is going to come to its seam. */
export interface ArmedPart {
  readonly part: Part;
  readonly seam: string;
  readonly running: RunningPart;
  /** Resolves when it has come there. */
  atSeam(): Promise<void>;
  /** Resolves with how it ended, having come there. */
  ended(): Promise<Exit>;
}

/** The two ways to die at a seam, and how a process ends of them. */
export const ends = [
  { signal: 'SIGKILL', end: { code: null, signal: 'SIGKILL' } },
  { signal: 'SIGTERM', end: { code: 0, signal: null } },
] as const;

const READY_TIMEOUT_MS = 40_000;
const SEAM_TIMEOUT_MS = 30_000;

/** What runs, or ran, outside the supervisor. */
const alone = new Set<RunningPart>();

async function spawnAlone({ logs }: TestServices, part: Part): Promise<RunningPart> {
  const running = await spawnPart(part, { logs, pids: join(logs, 'run') });
  alone.add(running);
  return running;
}

/** Starts a part that nobody starts again. */
export async function startAlone(services: TestServices, part: Part): Promise<RunningPart> {
  const running = await spawnAlone(services, part);
  await untilReady(part, running, READY_TIMEOUT_MS);
  return running;
}

/** After each test: ends what a failed one left, so that the next begins with the five processes as they should be. */
export async function disarm(services: TestServices): Promise<void> {
  for (const running of alone) running.kill('SIGKILL');
  await Promise.all([...alone].map((running) => running.exited));
  alone.clear();
  await Promise.all(serviceParts(services.surroundings).map(({ name }) => recover(services, name)));
}

/** One of the five with some of its environment changed, to be run outside the supervisor. */
export function partOf(services: TestServices, name: string, env: Readonly<Record<string, string>>): Part {
  const { surroundings } = services;
  const part = serviceParts({ ...surroundings, partEnv: { ...surroundings.partEnv, [name]: env } }).find(
    (one) => one.name === name,
  );
  if (part === undefined) throw new Error(`There is no part ${name}.`);
  return part;
}

/**
 * Starts a part with a seam armed. Not by the supervisor: that one would start it again armed, to die for ever; so its own is
 * stopped first, in good order, and started again by `recover`, with nothing armed.
 */
export async function arm(services: TestServices, name: string, arming: Arming): Promise<ArmedPart> {
  expect(await services.part(name).stop()).toEqual({ code: 0, signal: null });
  return startArmed(services, partOf(services, name, environmentOf(services, name, arming)), arming);
}

/** Starts a part of its own name, such as one more replica, that has the seam armed in its environment. */
export async function startArmed(services: TestServices, part: Part, { seam }: Arming): Promise<ArmedPart> {
  const passed = watchSeam(services.logs, part.name, seam);
  const running = await spawnAlone(services, part);
  let exit: Exit | undefined;
  void running.exited.then((reached) => (exit = reached));
  await untilReady(part, running, READY_TIMEOUT_MS).catch((error: unknown) => {
    // Some come to their seam as soon as they run.
    if (!passed()) throw error;
  });
  const atSeam = async (): Promise<void> => {
    const deadline = Date.now() + SEAM_TIMEOUT_MS;
    while (!passed()) {
      if (exit !== undefined || Date.now() > deadline) {
        running.kill('SIGKILL');
        throw new Error(`${part.name} did not come to ${seam}${exit ? ' before it ended' : ''}.`);
      }
      await sleep(20);
    }
  };
  return {
    part,
    seam,
    running,
    atSeam,
    ended: async () => {
      await atSeam();
      return running.exited;
    },
  };
}

export function environmentOf(services: TestServices, name: string, arming: Arming): Record<string, string> {
  return {
    ...services.surroundings.partEnv[name],
    ...arming.env,
    CRASH_AT: arming.seam,
    CRASH_SIGNAL: arming.signal ?? 'SIGKILL',
  };
}

/** What the supervisor does when a part has died, but with nothing armed. */
export async function recover(services: TestServices, name: string): Promise<void> {
  services.part(name).start();
  await services.part(name).untilReady(60_000);
}
