import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Part } from '../process/part.ts';
import { startPart } from '../process/run-part.ts';
import type { Directories, RunningPart } from '../process/run-part.ts';
import { runTied } from '../process/spawn-tied.ts';
import {
  createDataDirectory,
  dataDirectory,
  giveToPostgres,
  postgresPrograms,
  postgresUser,
  prepareDataDirectory,
} from './postgres-files.ts';
import { asSuperuser, databaseUrl, LOCAL_PASSWORD, provisionDatabases, SUPERUSER } from './postgres-roles.ts';
import type { DatabaseSpec } from './postgres-roles.ts';

export interface PostgresOptions {
  readonly name: string;
  readonly port: number;
  readonly directory: string;
  readonly databases: readonly DatabaseSpec[];
  /** Waits for the disk at every commit, as production does; off where data need not outlive a test. */
  readonly durable: boolean;
  /** `name=value`, before which the usual ones give way. */
  readonly settings?: readonly string[];
}

/** A PostgreSQL cluster from the npm package's programs, on loopback. */
export function postgresPart(options: PostgresOptions): Part {
  const data = dataDirectory(options.directory);
  return {
    name: options.name,
    kind: 'service',
    after: [],
    // "Fast": sessions are ended, then a checkpoint is written. SIGTERM would wait for clients to leave by themselves.
    stopSignal: 'SIGINT',
    stopTimeoutMs: 5_000,
    address: databaseUrl(options.port, options.databases[0]?.name ?? 'postgres', SUPERUSER),
    prepare: async () => {
      await prepareDataDirectory(options.directory, data);
      if (!existsSync(data)) await createDataDirectory(data, (directory) => initialise(directory, options.durable));
      await endLeftover(data);
    },
    command: async () => ({
      file: join(await postgresPrograms(), 'bin', 'postgres'),
      args: ['-D', data, ...settings(options).flatMap((setting) => ['-c', setting])],
      // PostgreSQL enters its data directory itself; ours may be closed to its user.
      cwd: '/',
      deathSignal: 'QUIT',
      ...asPostgresUser(),
    }),
    probe: () => asSuperuser(options.port, 'postgres', async () => undefined),
    provision: () => provisionDatabases(options.port, options.databases),
  };
}

export function startPostgres(options: PostgresOptions, directories: Directories): Promise<RunningPart> {
  return startPart(postgresPart(options), directories);
}

function settings({ port, durable, settings: own = [] }: PostgresOptions): string[] {
  return [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    // A socket file would have to lie in a folder shared with other clusters on this machine.
    'unix_socket_directories=',
    // All suites of a test run share one server; a platform's own has what the chart gives it.
    ...(durable
      ? ['max_connections=200', 'shared_buffers=256MB', 'max_wal_size=2GB', 'fsync=on', 'synchronous_commit=on']
      : ['max_connections=500', 'shared_buffers=128MB', 'fsync=off', 'full_page_writes=off']),
    ...own,
  ];
}

function asPostgresUser(): { user?: { uid: number; gid: number } } {
  const user = postgresUser();
  return user === undefined ? {} : { user };
}

async function initialise(directory: string, durable: boolean): Promise<void> {
  const passwordFile = join(directory, '..', `.${SUPERUSER}-password-${process.pid}`);
  await writeFile(passwordFile, LOCAL_PASSWORD, { mode: 0o600 });
  await giveToPostgres(passwordFile);
  try {
    await runTied({
      file: join(await postgresPrograms(), 'bin', 'initdb'),
      args: [
        `--pgdata=${directory}`,
        `--username=${SUPERUSER}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        // The same order of text on every machine, whatever locales it has.
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--locale=C',
        ...(durable ? [] : ['--no-sync']),
      ],
      cwd: '/',
      ...asPostgresUser(),
    });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/**
 * After a kill -9 the lock file names a dead process. PostgreSQL removes it by itself, unless another process of the
 * same user has that pid by now: then it would refuse to start, so we look who it is.
 */
async function endLeftover(data: string): Promise<void> {
  const lockFile = join(data, 'postmaster.pid');
  if (!existsSync(lockFile)) return;
  const pid = Number(readFileSync(lockFile, 'utf8').split('\n')[0]);
  if (!commandLine(pid).includes(data)) await rm(lockFile, { force: true });
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
