import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { livePid, processIdentity } from '../../process-lock.mjs';

const HOUR_MS = 3_600_000;
const PREFIX = 'order-payments-test-';

/** A folder for one run of the tests; what killed runs left behind is removed on the way. */
export async function createTemporaryDirectory(): Promise<string> {
  for (const name of await readdir(tmpdir())) {
    // Two runs may begin at once and remove the same folder.
    if (name.startsWith(PREFIX)) await removeIfAbandoned(join(tmpdir(), name)).catch(() => undefined);
  }
  const directory = await mkdtemp(join(tmpdir(), PREFIX));
  // PostgreSQL runs as another user where we are root, and has to get through.
  await chmod(directory, 0o711);
  await writeFile(ownerFile(directory), processIdentity(process.pid));
  return directory;
}

async function removeIfAbandoned(directory: string): Promise<void> {
  const owner = await readFile(ownerFile(directory), 'utf8').catch(() => undefined);
  const { mtimeMs } = await stat(directory);
  // Without an owner's name it is being made at this very moment, or has been removed but for a late log file.
  const abandoned = owner === undefined ? Date.now() - mtimeMs > HOUR_MS : livePid(owner) === undefined;
  // Another user's leftovers are for that user's next run to remove.
  if (abandoned) await rm(directory, { recursive: true, force: true });
}

function ownerFile(directory: string): string {
  return join(directory, 'owner');
}
