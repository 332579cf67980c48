import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '@order-payments/local/directories.ts';
import { asSuperuser, databaseUrl } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { runTied } from '@order-payments/local/process/spawn-tied.ts';
import { fillAccounts } from '../data.ts';
import { CorrectnessError } from '../measure.ts';

const peers = join(repositoryRoot, 'bench', 'peers');

/** What a team would pick instead: a program of its own in `bench/peers`, with packages that are no part of the product. */
export function installPeer(name: string, say: (message: string) => void): string {
  const directory = join(peers, name);
  const lock = readFileSync(join(directory, 'package-lock.json'), 'utf8');
  const stamp = join(directory, 'node_modules', '.installed-lockfile');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return directory;
  say(`Installing the peer ${name}`);
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--workspaces=false'], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  writeFileSync(stamp, lock);
  return directory;
}

/** Runs the peer's program and returns what it prints, one line of JSON. */
export async function runPeer(
  directory: string,
  env: Readonly<Record<string, string>>,
): Promise<Record<string, number>> {
  const output = await runTied({ file: process.execPath, args: [join(directory, 'run.mjs')], cwd: directory, env });
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Record<string, number>;
}

/** Pays so many orders with a queue that has warmed up, and checks the money; orders settled a second. */
export async function runQueuePeer(
  directory: string,
  options: { port: number; name: string; orders: number; users: number; workers: number; warmUpSeconds: number },
): Promise<number> {
  const database = `peer_${options.name.replaceAll('-', '_')}`;
  await asSuperuser(options.port, 'postgres', async (client) => {
    await client.query(`drop database if exists ${database} with (force)`);
    await client.query(`create database ${database}`);
  });
  return await asSuperuser(options.port, database, async (client) => {
    // One service instead of two, which these peers have no need of; the tables are the same.
    for (const file of ['services/orders/migrations/001-orders.sql', 'services/payments/migrations/001-accounts.sql'])
      await client.query(readFileSync(join(repositoryRoot, file), 'utf8'));
    await fillAccounts(client, options.users);
    await client.query('checkpoint');
    const { perSecond, orders } = await runPeer(directory, {
      DATABASE_URL: databaseUrl(options.port, database, 'postgres'),
      ORDERS: String(options.orders),
      USERS: String(options.users),
      WORKERS: String(options.workers),
      WARM_UP_SECONDS: String(options.warmUpSeconds),
    });
    const { rows } = await client.query<Record<string, string>>(`
      select (select count(*) from orders where status = 'FINISHED') as finished,
        (select count(*) from transactions where type = 'DEBIT') as debits,
        (select sum(amount) from orders) - (select sum(amount) from transactions where type = 'DEBIT') as difference,
        (select sum(balance) from accounts) -
          (select sum(case type when 'CREDIT' then amount else -amount end) from transactions) as left_over`);
    const seen = JSON.stringify(Object.values(rows[0] ?? {}).map(Number));
    if (seen !== JSON.stringify([orders, orders, 0, 0]))
      throw new CorrectnessError(`${options.name}: finished, debits, difference, left over are ${seen}`);
    return perSecond ?? Number.NaN;
  });
}
