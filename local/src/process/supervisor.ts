import { setTimeout as sleep } from 'node:timers/promises';
import { lastLines, logPath, rotateLog } from './log-file.ts';
import type { Part } from './part.ts';
import { spawnPart, untilReady } from './run-part.ts';
import type { Directories, Exit, RunningPart } from './run-part.ts';

export type SupervisorEvent =
  | { readonly type: 'starting' | 'stopping' | 'stopped'; readonly part: string }
  | { readonly type: 'ready' | 'done'; readonly part: string; readonly tookMs: number }
  | { readonly type: 'died'; readonly part: string; readonly reason: string; readonly againInMs: number };

/** Why the platform ended by itself. */
export interface Failure {
  readonly part: string;
  readonly reason: string;
  readonly log: string;
  readonly lastLines: readonly string[];
}

export interface PartHandle {
  readonly name: string;
  /** Of the process that runs now; undefined while there is none. */
  pid(): number | undefined;
  kill(signal: NodeJS.Signals): void;
  /** Ends it in good order, says how it ended, and keeps it down until `start`. */
  stop(): Promise<Exit | undefined>;
  start(): void;
  untilReady(timeoutMs?: number): Promise<void>;
}

interface State {
  readonly part: Part;
  readonly started: PromiseWithResolvers<void>;
  readonly deaths: number[];
  running?: RunningPart;
  ready: boolean;
  held: boolean;
  loop: Promise<void>;
}

/** A part that dies this often within a minute will not get better: the platform ends rather than stay half. */
const DEATHS_MAX = 5;
const DEATHS_WINDOW_MS = 60_000;
/** Where more deaths are allowed, the pause does not grow beyond what the last of five waits. */
const AGAIN_MAX_MS = 2_000;
const READY_TIMEOUT_MS = 120_000;
/** Stopping ends within 20 s whatever happens: whoever is left at this point gets SIGKILL. */
const STOP_DEADLINE_MS = 18_000;
const LOOP_END_MS = 1_000;
const FAILURE_LOG_LINES = 20;
const HELD_POLL_MS = 50;

/** Keeps parts running, in the order of their dependencies. */
export class Supervisor {
  /** Settles once, when a part died too often; never when stopped on purpose. */
  readonly failed: Promise<Failure>;
  readonly #fail: (failure: Failure) => void;
  readonly #states = new Map<string, State>();
  readonly #directories: Directories;
  readonly #onEvent: (event: SupervisorEvent) => void;
  readonly #deathsMax: number;
  readonly #stopping = new AbortController();

  constructor(directories: Directories, onEvent: (event: SupervisorEvent) => void, deathsMax = DEATHS_MAX) {
    this.#directories = directories;
    this.#onEvent = onEvent;
    this.#deathsMax = deathsMax;
    const { promise, resolve } = Promise.withResolvers<Failure>();
    this.failed = promise;
    this.#fail = resolve;
  }

  /** Adds parts and starts them; resolves when all are ready or done, and also when the supervisor stops before that. */
  async start(parts: readonly Part[]): Promise<void> {
    const states = parts.map((part) => this.#add(part));
    for (const state of states) state.loop = this.#keep(state);
    const allStarted = Promise.all(states.map((state) => state.started.promise));
    const gaveUp = this.failed.then((failure) => {
      throw new Error([`${failure.part} ${failure.reason}`, ...failure.lastLines].join('\n'));
    });
    await Promise.race([allStarted, gaveUp, aborted(this.#stopping.signal)]);
  }

  handle(name: string): PartHandle {
    const state = this.#state(name);
    return {
      name,
      pid: () => state.running?.pid,
      kill: (signal) => state.running?.kill(signal),
      stop: async () => {
        state.held = true;
        state.ready = false;
        const exit = await state.running?.stop();
        // Until its loop has seen that it is held: a `start` before that would look like a death.
        do await sleep(HELD_POLL_MS);
        while (state.running !== undefined);
        return exit;
      },
      start: () => {
        state.held = false;
      },
      untilReady: async (timeoutMs = READY_TIMEOUT_MS) => {
        const deadline = Date.now() + timeoutMs;
        while (!state.ready) {
          if (Date.now() > deadline) throw new Error(`${name} was not ready after ${timeoutMs / 1000} s.`);
          await sleep(50);
        }
      },
    };
  }

  /** Ends every part after those that need it; no process is left when this resolves. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const timer = setTimeout(() => this.killAll(), STOP_DEADLINE_MS);
    const stops = new Map<string, Promise<void>>();
    await Promise.all([...this.#states.keys()].map((name) => this.#stopAfterDependents(name, stops)));
    clearTimeout(timer);
  }

  killAll(): void {
    this.#stopping.abort();
    for (const { running } of this.#states.values()) running?.kill('SIGKILL');
  }

  #add(part: Part): State {
    if (this.#states.has(part.name)) throw new Error(`There is a part ${part.name} already.`);
    rotateLog(this.#directories.logs, part.name);
    const state: State = {
      part,
      started: Promise.withResolvers<void>(),
      deaths: [],
      ready: false,
      held: false,
      loop: Promise.resolve(),
    };
    this.#states.set(part.name, state);
    return state;
  }

  #state(name: string): State {
    const state = this.#states.get(name);
    if (state === undefined) throw new Error(`There is no part ${name}.`);
    return state;
  }

  /** The life of one part: wait for its turn, start it, watch it, start it again. */
  async #keep(state: State): Promise<void> {
    const { part } = state;
    const turn = Promise.all(part.after.map((name) => this.#state(name).started.promise));
    await Promise.race([turn, aborted(this.#stopping.signal)]);
    while (!this.#stopping.signal.aborted) {
      if (state.held) {
        await sleep(HELD_POLL_MS);
        continue;
      }
      const reason = await this.#runOnce(state);
      if (reason === undefined) return;
      if (state.held || this.#stopping.signal.aborted) continue;
      await this.#afterDeath(state, reason);
    }
  }

  /** Returns why the part is down again; undefined for a step that is done. */
  async #runOnce(state: State): Promise<string | undefined> {
    const { part } = state;
    const startedAt = performance.now();
    this.#onEvent({ type: 'starting', part: part.name });
    try {
      await part.prepare?.();
      if (this.#stopping.signal.aborted) return 'was stopped';
      const running = await spawnPart(part, this.#directories);
      state.running = running;
      // The stop may have come while the process was being made, too early to find it.
      if (this.#stopping.signal.aborted || state.held) running.kill('SIGKILL');
      if (part.kind === 'service') {
        await this.#untilServing(state, running);
        this.#ready(state, 'ready', startedAt);
      }
      const exit = await running.exited;
      if (part.kind === 'step' && exit.code === 0) {
        this.#ready(state, 'done', startedAt);
        return undefined;
      }
      return `ended with ${describe(exit)}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      state.ready = false;
      delete state.running;
    }
  }

  async #untilServing(state: State, running: RunningPart): Promise<void> {
    try {
      await untilReady(state.part, running, READY_TIMEOUT_MS);
      await state.part.provision?.();
    } catch (error) {
      running.kill('SIGKILL');
      await running.exited;
      throw error;
    }
  }

  #ready(state: State, type: 'ready' | 'done', startedAt: number): void {
    if (this.#stopping.signal.aborted) return;
    state.ready = true;
    this.#onEvent({ type, part: state.part.name, tookMs: performance.now() - startedAt });
    state.started.resolve();
  }

  async #afterDeath(state: State, reason: string): Promise<void> {
    const now = Date.now();
    state.deaths.push(now);
    const recent = state.deaths.filter((at) => now - at < DEATHS_WINDOW_MS).length;
    const { name } = state.part;
    if (recent >= this.#deathsMax) {
      const log = logPath(this.#directories.logs, name);
      const lines = lastLines(this.#directories.logs, name, FAILURE_LOG_LINES);
      this.#fail({ part: name, reason: `died ${recent} times within a minute: ${reason}`, log, lastLines: lines });
      return aborted(this.#stopping.signal);
    }
    const againInMs = Math.min(250 * 2 ** (recent - 1), AGAIN_MAX_MS);
    this.#onEvent({ type: 'died', part: name, reason, againInMs });
    // The only rejection is our own stop, which must not wait for the rest of the pause.
    await sleep(againInMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  #stopAfterDependents(name: string, stops: Map<string, Promise<void>>): Promise<void> {
    const known = stops.get(name);
    if (known !== undefined) return known;
    const stop = async (): Promise<void> => {
      const dependents = [...this.#states.values()].filter(({ part }) => dependencies(part).includes(name));
      await Promise.all(dependents.map((state) => this.#stopAfterDependents(state.part.name, stops)));
      const state = this.#state(name);
      if (state.running !== undefined) {
        this.#onEvent({ type: 'stopping', part: name });
        await state.running.stop();
        this.#onEvent({ type: 'stopped', part: name });
      }
      // A part in the middle of its preparation, a download perhaps, starts nothing any more: no need to wait for it.
      await Promise.race([state.loop, sleep(LOOP_END_MS)]);
    };
    const stopping = stop();
    stops.set(name, stopping);
    return stopping;
  }
}

function dependencies(part: Part): readonly string[] {
  return [...part.after, ...(part.uses ?? [])];
}

function describe(exit: Exit): string {
  return exit.signal ?? `code ${exit.code}`;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}
