import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { repositoryRoot } from '@order-payments/local/directories.ts';
import { peakResidentMb } from '../processes.ts';

const LOOK_MS = 50;

export interface Reconciled {
  /** What it said, where it found violations or could not run. */
  readonly wrong: string | undefined;
  /** The most memory that its process held, in MB of 10^6 bytes. */
  readonly peakMb: number;
  readonly seconds: number;
}

/** `ops reconcile` of databases at rest, as an operator runs it, and what its process needs for it. */
export async function reconcile(urls: { orders: string; payments: string; registry: string }): Promise<Reconciled> {
  const startedMs = performance.now();
  const child = spawn(
    process.execPath,
    [join(repositoryRoot, 'ops/src/main.ts'), 'reconcile', '--settle-within', '0', '--pause', '1'],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ORDERS_DATABASE_URL: urls.orders,
        PAYMENTS_DATABASE_URL: urls.payments,
        SCHEMA_REGISTRY_URL: urls.registry,
      },
    },
  );
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (out += chunk.toString()));
  let peakMb = 0;
  const looks = setInterval(() => (peakMb = Math.max(peakMb, peakResidentMb(child.pid ?? 0))), LOOK_MS);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    const seconds = (performance.now() - startedMs) / 1_000;
    return { wrong: code === 0 ? undefined : `ops reconcile said:\n${out}`, peakMb, seconds };
  } finally {
    clearInterval(looks);
  }
}
