import { existsSync, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LOCAL_PASSWORD, type Service } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { runTied } from '@order-payments/local/process/spawn-tied.ts';
import { fillAccounts, truncateAll } from '../data.ts';
import { FLOOR_DATABASE, type Rig } from '../rig.ts';

const CLIENTS = 32;
const THREADS = 4;

/** A statement of ours, run by pgbench as each service's role. Payloads are as long as the events are. */
const floors = {
  F: { service: 'orders', script: 'order.sql', payloadBytes: 190 },
  R: { service: 'payments', script: 'debit.sql', payloadBytes: 150 },
} as const satisfies Record<string, { service: Service; script: string; payloadBytes: number }>;

/** Statements a second of the floor, on tables that were empty when it began; its users are so many. */
export async function runPgbench(rig: Rig, floor: keyof typeof floors, users: number): Promise<number> {
  const { service, script, payloadBytes } = floors[floor];
  const database = rig.floors[service];
  await truncateAll(database, service);
  if (service === 'payments') await fillAccounts(database, users);
  await database.query('checkpoint');
  const output = await runTied({
    file: pgbenchProgram(),
    args: [
      ...['--no-vacuum', '--protocol=prepared', `--client=${CLIENTS}`, `--jobs=${THREADS}`],
      ...[
        `--time=${rig.effort.seconds}`,
        `--define=users=${users}`,
        `--define=payload=\\x${'ab'.repeat(payloadBytes)}`,
      ],
      ...[`--file=${fileURLToPath(new URL(script, import.meta.url))}`, '--host=127.0.0.1'],
      ...[`--port=${rig.ports[service]}`, `--username=${service}_service`, FLOOR_DATABASE[service]],
    ],
    env: { PGPASSWORD: LOCAL_PASSWORD },
  });
  const perSecond = Number(/^tps = ([\d.]+)/m.exec(output)?.[1]);
  if (!(perSecond > 0)) throw new Error(`pgbench said no tps:\n${output}`);
  return perSecond;
}

/** In PATH, or where Debian keeps it. */
export function pgbenchProgram(): string {
  const inPath = (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, 'pgbench'));
  const found = [...inPath, ...globSync('/usr/lib/postgresql/*/bin/pgbench').toSorted().reverse()].find(existsSync);
  if (found !== undefined) return found;
  throw new Error(
    'pgbench is missing, and with it the floors F and R: install it (on Debian: apt-get install postgresql-contrib, or postgresql-client in later versions).',
  );
}
