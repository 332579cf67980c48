import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type pg from 'pg';
import { asSuperuser, databaseUrl, provisionDatabases, serviceDatabase } from '../src/infrastructure/postgres-roles.ts';
import type { Service } from '../src/infrastructure/postgres-roles.ts';
import { migrateStep } from '../src/parts.ts';
import { spawnPart } from '../src/process/run-part.ts';
import { TEMPLATES } from '../src/test-kit/address.ts';
import { eventually } from '../src/test-kit/eventually.ts';
import { infrastructure } from '../src/test-kit/infrastructure.ts';

// The second migration makes outbox, inbox and dead_letters, one after another.
const lastTable = 'dead_letters';

const services = ['orders', 'payments'] as const;
const signals = ['SIGKILL', 'SIGTERM'] as const;

test.each(services.flatMap((service) => signals.map((signal) => ({ service, signal }))))(
  'a migration of $service that gets $signal between two of its statements leaves whole migrations only, and the next finishes',
  async ({ service, signal }) => {
    const { databasePort: port, directory } = await infrastructure();
    const name = `${service}_half_${randomBytes(4).toString('hex')}`;
    await provisionDatabases(port, [serviceDatabase(service, name)]);
    const step = migrateStep(service, databaseUrl(port, name, `${service}_owner`), []);
    const directories = { logs: join(directory, name), pids: join(directory, name, 'run') };

    await asSuperuser(port, name, (holder) =>
      asSuperuser(port, name, async (observer) => {
        // Whoever makes the table too has to wait whether this one is committed.
        await holder.query('begin');
        await holder.query(`create table ${lastTable} ()`);
        const doomed = await spawnPart(step, directories);
        await eventually(async () => expect(await waiting(observer)).toEqual([`${service}_owner`]), {
          timeoutMs: 30_000,
        });
        doomed.kill(signal);
        expect(await doomed.exited).toEqual({ code: null, signal });
        await holder.query('rollback');
        await eventually(async () => expect(await sessions(observer, `${service}_owner`)).toBe(0), {
          timeoutMs: 10_000,
        });
        const tables = await tablesOf(observer);
        expect(tables).toContain('migrations');
        expect(tables.filter((table) => ['outbox', 'inbox', lastTable].includes(table))).toEqual([]);
        const { rows } = await observer.query('select name from migrations');
        expect(rows).toHaveLength(1);

        const next = await spawnPart(step, directories);
        expect(await next.exited).toEqual({ code: 0, signal: null });
        expect(await schemaOf(observer)).toEqual(await schemaOfTemplate(port, service));
      }),
    );
    await asSuperuser(port, 'postgres', (client) => client.query(`drop database ${name} with (force)`));
  },
);

async function waiting(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ usename: string }>(
    `select usename from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows.map(({ usename }) => usename);
}

async function sessions(client: pg.Client, user: string): Promise<number> {
  const { rowCount } = await client.query(
    'select from pg_stat_activity where datname = current_database() and usename = $1',
    [user],
  );
  return rowCount ?? 0;
}

async function tablesOf(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ tablename: string }>(
    `select tablename from pg_tables where schemaname = 'public' order by 1`,
  );
  return rows.map(({ tablename }) => tablename);
}

/** Columns, indexes, constraints and grants: what the migrations make. */
async function schemaOf(client: pg.Client): Promise<unknown> {
  const statements = [
    `select table_name, column_name, data_type, column_default, is_nullable from information_schema.columns
     where table_schema = 'public' order by 1, 2`,
    `select indexname, indexdef from pg_indexes where schemaname = 'public' order by 1`,
    `select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
     where connamespace = 'public'::regnamespace order by 1, 2`,
    `select table_name, grantee, privilege_type from information_schema.role_table_grants
     where table_schema = 'public' order by 1, 2, 3`,
    'select name from migrations order by id',
  ];
  const parts: unknown[] = [];
  for (const statement of statements) parts.push((await client.query(statement)).rows);
  return parts;
}

async function schemaOfTemplate(port: number, service: Service): Promise<unknown> {
  return asSuperuser(port, TEMPLATES[service], schemaOf);
}
