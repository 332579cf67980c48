import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

export const namespace = process.env.E2E_NAMESPACE ?? 'order-payments-e2e';
export const release = process.env.E2E_RELEASE ?? 'shop';

export interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

interface CommandOptions {
  readonly input?: string;
  /** The limit of this step; what runs longer is killed, and the step has failed. */
  readonly timeoutMs?: number;
}

/** Runs a program to its end and gives stdout; throws with all it said unless it ends with 0 in time. */
export async function run(file: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, output, errors } = await finish(file, args, options);
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}:\n${(errors + output).slice(-4_000)}`);
  return output;
}

async function finish(
  file: string,
  args: readonly string[],
  { input, timeoutMs = 30_000 }: CommandOptions,
): Promise<Outcome & { errors: string }> {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.on('error', reject);
  child.on('close', resolve);
  const timer = setTimeout(() => {
    errors += `\nIt took longer than ${timeoutMs / 1_000} s.`;
    child.kill('SIGKILL');
  }, timeoutMs);
  try {
    return { code: await promise, output, errors };
  } finally {
    clearTimeout(timer);
  }
}

/** kubectl in the suites' namespace. */
export async function kubectl(args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return await run('kubectl', ['-n', namespace, ...args], options);
}

/** What kubectl says in JSON. */
export async function read<T>(args: readonly string[], options: CommandOptions = {}): Promise<T> {
  return JSON.parse(await kubectl([...args, '-o', 'json'], options)) as T;
}

export async function helm(args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return await run(process.env.E2E_HELM ?? 'helm', ['-n', namespace, ...args], options);
}

/** Repeats the work until it holds; throws its last error when the time is up. */
export async function eventually<T>(timeoutMs: number, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(500);
  }
}

/** A local port that leads to a Service of the release, until closed. It stays with one pod. */
export async function forward(target: string, port: number): Promise<{ url: string; close: () => void }> {
  const child: ChildProcess = spawn('kubectl', ['-n', namespace, 'port-forward', target, `:${port}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    const local = /127\.0\.0\.1:(\d+) ->/.exec(said)?.[1];
    if (local !== undefined) resolve(`http://127.0.0.1:${local}`);
  });
  // It complains of each connection that a client closed first.
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.on('exit', (code) => reject(new Error(`port-forward ended with ${code}: ${said}`)));
  const timer = setTimeout(() => reject(new Error('port-forward did not begin within 20 s')), 20_000);
  try {
    return { url: await promise, close: () => void child.kill() };
  } finally {
    clearTimeout(timer);
  }
}
