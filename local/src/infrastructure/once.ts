import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { withLock } from '../../process-lock.mjs';
import type { Say } from './progress.ts';

/**
 * Makes a directory once, even when several runs want it at the same time or one is killed half-way: it is made under
 * another name and renamed, so that it is complete when it is there. Its name must therefore hold its version.
 */
export async function once(directory: string, say: Say, make: (temporary: string) => Promise<void>): Promise<string> {
  if (existsSync(directory)) return directory;
  await mkdir(dirname(directory), { recursive: true });
  const onWait = (pid: number): void => say(`Waiting for process ${pid}, which is making the same ${directory}`);
  await withLock(`${directory}.lock`, onWait, async () => {
    if (existsSync(directory)) return;
    const temporary = `${directory}.new`;
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary);
    await make(temporary);
    await rename(temporary, directory);
  });
  return directory;
}
