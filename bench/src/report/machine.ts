import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '@order-payments/local/directories.ts';
import { pgbenchProgram } from '../floors/pgbench.ts';
import type { Rig } from '../rig.ts';

export interface Machine {
  readonly commit: string;
  readonly cores: number;
  readonly processor: string;
  readonly memoryGb: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly postgresSettings: Readonly<Record<string, string>>;
}

const SETTINGS = [
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'shared_buffers',
  'max_wal_size',
  'data_checksums',
];

export async function describeMachine(rig: Rig): Promise<Machine> {
  const { rows } = await rig.orders.query<{ name: string; setting: string }>(
    'select name, current_setting(name) as setting from pg_settings where name = any($1)',
    [SETTINGS],
  );
  const version = await rig.orders.query<{ version: string }>(`select current_setting('server_version') as version`);
  return {
    commit: commit(),
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    memoryGb: Math.round(totalmem() / 1e9),
    versions: {
      node: process.versions.node,
      postgresql: version.rows[0]?.version ?? 'unknown',
      pgbench: execFileSync(pgbenchProgram(), ['--version'], { encoding: 'utf8' }).replace(/^\D*/, '').trim(),
      kafka: kafkaVersion(),
      kafkajs: packageVersion('kafkajs'),
      slonik: packageVersion('slonik'),
      'grpc-js': packageVersion('@grpc/grpc-js'),
      koa: packageVersion('koa'),
    },
    postgresSettings: Object.fromEntries(rows.map(({ name, setting }) => [name, setting])),
  };
}

function commit(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { cwd: repositoryRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '-uno') === '' ? '' : ' and changes'}`;
  } catch {
    return 'unknown';
  }
}

function kafkaVersion(): string {
  const pom = readFileSync(join(repositoryRoot, 'local/maven/kafka.xml'), 'utf8');
  return /<artifactId>kafka_2\.13<\/artifactId>\s*<version>([^<]+)</.exec(pom)?.[1] ?? 'unknown';
}

/** Not every package lets its package.json be imported, so it is read from where npm puts it. */
function packageVersion(name: string): string {
  const require = createRequire(import.meta.url);
  const directory = require.resolve.paths(name)?.map((path) => join(path, name, 'package.json')) ?? [];
  for (const file of directory) {
    try {
      return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
    } catch {
      continue;
    }
  }
  return 'unknown';
}
