import { join } from 'node:path';
import { platformDirectory, repositoryRoot } from './directories.ts';
import type { Part } from './process/part.ts';

export interface NodeServiceOptions {
  readonly name: string;
  /** Path of the entry from the repository's root. */
  readonly entry: string;
  readonly after: readonly string[];
  readonly uses?: readonly string[];
  readonly stopTimeoutMs: number;
  readonly address?: string;
  readonly metricsPort: number;
  readonly env: Readonly<Record<string, string>>;
  /** Asked at every start: what this one start has in its environment besides. */
  readonly envAtStart?: () => Readonly<Record<string, string>>;
}

/** One of our own processes: it serves health and metrics on a port of its own. */
export function nodeService(options: NodeServiceOptions): Part {
  const { name, after, stopTimeoutMs, metricsPort } = options;
  const health = `http://127.0.0.1:${metricsPort}/health/ready`;
  return {
    name,
    kind: 'service',
    after,
    stopTimeoutMs,
    ...(options.uses === undefined ? {} : { uses: options.uses }),
    ...(options.address === undefined ? {} : { address: options.address }),
    command: () =>
      nodeCommand(options.entry, { METRICS_PORT: String(metricsPort), ...options.env, ...options.envAtStart?.() }),
    probe: async () => {
      const response = await fetch(health, { signal: AbortSignal.timeout(2_000) });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`${name} answers ${response.status} at ${health}.`);
    },
  };
}

export interface NodeStepOptions {
  readonly name: string;
  readonly entry: string;
  readonly after: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** One of our own commands that runs to its end. */
export function nodeStep({ name, entry, after, env }: NodeStepOptions): Part {
  return { name, kind: 'step', after, stopTimeoutMs: 2_000, command: () => nodeCommand(entry, env) };
}

function nodeCommand(entry: string, env: Readonly<Record<string, string>>): ReturnType<Part['command']> {
  return {
    file: process.execPath,
    args: [join(repositoryRoot, entry)],
    cwd: repositoryRoot,
    env: {
      // Five processes share one machine. Measured on the gateway, idle: 146 MB without these two, 110 MB with them.
      NODE_COMPILE_CACHE: join(platformDirectory, 'compile-cache'),
      // The heap that Node gives a process in a pod of 384 MiB. With a whole machine in view it lets garbage grow: Payments
      // with a backlog of 100,000 orders held 317 MB, and 187 MB so.
      NODE_OPTIONS: '--max-semi-space-size=4 --max-old-space-size=256',
      ...env,
    },
  };
}
