import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Whom to run as, where that is not ourselves. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** What the kernel sends the process when we die ourselves; KILL unless it can end in better order. */
  readonly deathSignal?: 'KILL' | 'QUIT';
}

let setprivWorks: boolean | undefined;

/**
 * Starts a process whose life is tied to ours: the kernel ends it when we die, even by SIGKILL, where setpriv is there
 * (every Linux with util-linux). Elsewhere the next start finds what was left (pid-files.ts).
 */
export function spawnTied(command: Command, stdio: StdioOptions): ChildProcess {
  setprivWorks ??= spawnSync('setpriv', ['--pdeathsig', 'KILL', '--', 'true']).status === 0;
  const tied = ['--pdeathsig', command.deathSignal ?? 'KILL', '--', command.file, ...command.args];
  return spawn(setprivWorks ? 'setpriv' : command.file, setprivWorks ? tied : command.args, {
    stdio,
    cwd: command.cwd,
    env: { ...process.env, ...command.env },
    // A session of its own, so that Ctrl-C in the terminal reaches the supervisor only, which stops the parts in order.
    detached: true,
    ...command.user,
  });
}

/** Runs a command to its end; rejects with the end of its output unless it exits with 0. */
export async function runTied(command: Command): Promise<string> {
  const child = spawnTied(command, ['ignore', 'pipe', 'pipe']);
  let output = '';
  const collect = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-20_000);
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  child.on('error', reject);
  child.on('close', (code, signal) => {
    if (code === 0) resolve(output);
    else reject(new Error(`${command.file} ended with ${signal ?? `code ${code}`}:\n${output.slice(-2_000)}`));
  });
  return promise;
}
