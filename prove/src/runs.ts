import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dataDirectory } from '@order-payments/local/infrastructure/postgres-files.ts';

// Each run has a directory of its own, which goes with it unless it found something.

const PREFIX = 'run-';
const KEPT = 'kept';

export function newRun(seed: number): string {
  return `${PREFIX}${seed}-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}`;
}

export async function keepRun(directory: string): Promise<void> {
  await writeFile(join(directory, KEPT), '');
}

/** PostgreSQL's data may lie outside the checkout, where its user may enter. */
export async function removeRun(directory: string): Promise<void> {
  const clusters = ['postgres-orders', 'postgres-payments'].map((name) => dataDirectory(join(directory, 'data', name)));
  for (const path of [...clusters, directory]) await rm(path, { recursive: true, force: true, maxRetries: 5 });
}

/** What runs left that were killed themselves. */
export async function removeAbandonedRuns(home: string): Promise<void> {
  for (const entry of await readdir(home, { withFileTypes: true }))
    if (entry.isDirectory() && entry.name.startsWith(PREFIX) && !existsSync(join(home, entry.name, KEPT)))
      await removeRun(join(home, entry.name));
}
