import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createPool, sql } from '@order-payments/platform/db/pool.ts';
import type { Database } from '@order-payments/platform/db/pool.ts';
import { sqlStateOf } from '@order-payments/platform/db/sql-state.ts';
import { z } from 'zod';
import type { Service } from '../infrastructure/postgres-roles.ts';

const roles = ['service', 'relay', 'ops'] as const;
const actions = ['select', 'insert', 'update', 'delete', 'truncate'] as const;
type Role = (typeof roles)[number];
type Right = `${(typeof actions)[number]} ${string}`;

interface RolesDatabase {
  readonly owner: Database;
  readonly databaseUrl: (role: Role) => string;
  end(): Promise<void>;
}

export interface RoleTests {
  /** For what one service's roles may or may not do to some columns. */
  isRefused(role: Role, statement: ReturnType<typeof sql.unsafe>): Promise<boolean>;
}

/** Tests that each role of a service's database may do what `rights` says, to each table, and nothing else. */
export function testRoles(
  service: Service,
  rights: Readonly<Record<Role, readonly Right[]>>,
  open: () => Promise<RolesDatabase>,
): RoleTests {
  let database: RolesDatabase;
  const pools = new Map<Role, Database>();
  beforeAll(async () => {
    database = await open();
    for (const role of roles)
      pools.set(
        role,
        await createPool({ url: database.databaseUrl(role), applicationName: `${service}-test`, size: 1 }),
      );
  });
  afterAll(async () => {
    for (const pool of pools.values()) await pool.end();
    await database.end();
  });

  async function isRefused(role: Role, statement: ReturnType<typeof sql.unsafe>): Promise<boolean> {
    try {
      await pools.get(role)?.query(statement);
      return false;
    } catch (error) {
      if (sqlStateOf(error) === '42501') return true;
      throw error;
    }
  }

  /** What the role may do to a table or to some column of it. */
  async function allowed(role: Role): Promise<readonly string[]> {
    const name = `${service}_${role}`;
    return await database.owner.anyFirst(sql.type(z.object({ allowed: z.string() }))`
      select action || ' ' || relname as allowed
      from pg_class, unnest(${sql.array([...actions], 'text')}) as action
      where relnamespace = 'public'::regnamespace and relkind = 'r' and case
        when action in ('delete', 'truncate') then has_table_privilege(${name}, pg_class.oid, action)
        else has_any_column_privilege(${name}, pg_class.oid, action)
      end`);
  }

  describe.each(roles)(`${service}_%s`, (role) => {
    test('may do to each table what its process does and nothing else', async () => {
      expect([...(await allowed(role))].sort()).toEqual([...rights[role]].sort());
    });

    test('can neither make a table nor change one', async () => {
      for (const statement of [
        sql.unsafe`create table mine (id int)`,
        sql.unsafe`alter table outbox add column mine int`,
        sql.unsafe`drop table outbox`,
        sql.unsafe`create index on outbox (key)`,
      ])
        expect(await isRefused(role, statement)).toBe(true);
    });
  });

  test(`${service}_ops may change the state of a dead letter and nothing else of it`, async () => {
    expect(await isRefused('ops', sql.unsafe`update dead_letters set state = 'REDRIVEN' where false`)).toBe(false);
    expect(await isRefused('ops', sql.unsafe`update dead_letters set value = null where false`)).toBe(true);
  });
  return { isRefused };
}
