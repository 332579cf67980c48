import { performance } from 'node:perf_hooks';
import { join } from 'node:path';
import { repositoryRoot } from './directories.ts';
import { spawnTied } from './process/spawn-tied.ts';

export interface Task {
  readonly heading: string;
  /** A program among the npm packages, by the path of its JavaScript, and its arguments. */
  readonly script: string;
  readonly args: readonly string[];
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const modules = join(repositoryRoot, 'node_modules');

/** What the compiler, the linter and the formatter have to say. */
export const staticChecks: readonly Task[] = [
  { heading: 'Types', script: 'typescript-7/bin/tsc', args: ['-p', 'tsconfig.json', '--noEmit'] },
  { heading: 'Lint', script: 'eslint/bin/eslint.js', args: ['.'] },
  { heading: 'Format', script: 'prettier/bin/prettier.cjs', args: ['--check', '--log-level=warn', '.'] },
];

/**
 * A run of Jest. Jest runs ES modules in Node's module sandbox only with that flag; the warnings tell of it, of type
 * stripping, and of a timer of kafkajs whose time has passed already.
 */
export function jest(heading: string, args: readonly string[]): Task {
  const nodeArgs = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=TimeoutNegativeWarning',
  ];
  return { heading, script: 'jest/bin/jest.js', nodeArgs, args };
}

/** Runs all of them one after another, whatever fails, and returns the exit code of the first failure. */
export async function runAll(tasks: readonly Task[]): Promise<number> {
  let firstFailure = 0;
  for (const task of tasks) {
    process.stdout.write(`== ${task.heading}\n`);
    const startedAt = performance.now();
    const code = await run(task);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    process.stdout.write(`== ${task.heading}: ${code === 0 ? 'passed' : 'FAILED'} (${seconds} s)\n\n`);
    if (firstFailure === 0) firstFailure = code;
  }
  return firstFailure;
}

async function run({ script, args, nodeArgs = [], env = {} }: Task): Promise<number> {
  const command = {
    file: process.execPath,
    args: [...nodeArgs, join(modules, script), ...args],
    cwd: repositoryRoot,
    env,
  };
  const child = spawnTied(command, 'inherit');
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once('error', reject);
  child.once('exit', (code) => resolve(code ?? 1));
  const interrupt = (): void => {
    // The task leads a group of its own, with Jest's workers in it.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    void promise.then(() => process.exit(1));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.once(signal, interrupt);
  try {
    return await promise;
  } finally {
    for (const signal of signals) process.removeListener(signal, interrupt);
  }
}
