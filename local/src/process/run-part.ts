import { closeSync, mkdirSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { logPath } from './log-file.ts';
import type { Part } from './part.ts';
import { removePidFile, writePidFile } from './pid-files.ts';
import { spawnTied } from './spawn-tied.ts';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningPart {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
  /** Asks it to end, forces it after the part's own timeout, resolves when it is gone. */
  stop(): Promise<Exit>;
}

export interface Directories {
  readonly logs: string;
  readonly pids: string;
}

/** How often a starting part is asked whether it is ready: often enough not to be noticed, seldom enough to cost nothing. */
const PROBE_INTERVAL_MS = 150;

/** Spawns a part with its output in its log file. */
export async function spawnPart(part: Part, directories: Directories): Promise<RunningPart> {
  const command = await part.command();
  mkdirSync(directories.logs, { recursive: true });
  const log = openSync(logPath(directories.logs, part.name), 'a');
  const child = spawnTied(command, ['ignore', log, log]);
  closeSync(log);
  const { promise: exited, resolve, reject } = Promise.withResolvers<Exit>();
  child.on('error', reject);
  child.on('exit', (code, signal) => {
    removePidFile(directories.pids, part.name);
    resolve({ code, signal });
  });
  // A spawn that fails emits its error later and has no pid.
  if (child.pid === undefined) return exited.then(() => Promise.reject(new Error(`${part.name} did not start.`)));
  writePidFile(directories.pids, part.name, child.pid);
  const kill = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  return {
    pid: child.pid,
    exited,
    kill,
    stop: async () => {
      kill(part.stopSignal ?? 'SIGTERM');
      // A process that is stopped (SIGSTOP) sees no other signal before it continues.
      kill('SIGCONT');
      const timer = setTimeout(() => kill('SIGKILL'), part.stopTimeoutMs);
      return exited.finally(() => clearTimeout(timer));
    },
  };
}

/** Resolves when the part answers; rejects when it exits first or takes too long. */
export async function untilReady(part: Part, running: RunningPart, timeoutMs: number): Promise<void> {
  let exit: Exit | undefined;
  void running.exited.then((reached) => (exit = reached));
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    if (exit !== undefined) throw new Error(`${part.name} ended with ${exit.signal ?? `code ${exit.code}`}.`);
    try {
      await part.probe?.();
      return;
    } catch (cause) {
      if (Date.now() > deadline) throw new Error(`${part.name} was not ready after ${timeoutMs / 1000} s.`, { cause });
    }
    await sleep(PROBE_INTERVAL_MS);
  }
}

/** Starts one service without a supervisor: what tests of a single infrastructure part need. */
export async function startPart(part: Part, directories: Directories, timeoutMs = 120_000): Promise<RunningPart> {
  await part.prepare?.();
  const running = await spawnPart(part, directories);
  try {
    await untilReady(part, running, timeoutMs);
    await part.provision?.();
    return running;
  } catch (error) {
    running.kill('SIGKILL');
    throw error;
  }
}
