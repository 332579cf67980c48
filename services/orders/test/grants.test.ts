import { sqlStateOf } from '@order-payments/platform/db/sql-state.ts';
import { createPool, sql, type Database } from '@order-payments/platform/db/pool.ts';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { openOrdersDatabase, type OrdersDatabase } from './orders-database.ts';

const roles = ['service', 'relay', 'ops'] as const;
const actions = ['select', 'insert', 'update', 'delete', 'truncate'] as const;
type Right = `${(typeof actions)[number]} ${string}`;

/** All that each role may do; whatever is not here must be refused. */
const rights: Record<(typeof roles)[number], readonly Right[]> = {
  service: [
    'select orders',
    'insert orders',
    'update orders',
    'select outbox',
    'insert outbox',
    'select inbox',
    'insert inbox',
    'delete inbox',
    'select dead_letters',
    'insert dead_letters',
  ],
  relay: ['select outbox', 'delete outbox'],
  ops: [
    'select orders',
    'select outbox',
    'insert outbox',
    'select inbox',
    'select dead_letters',
    'update dead_letters',
    'select migrations',
  ],
};

let orders: OrdersDatabase;
const pools = new Map<string, Database>();
beforeAll(async () => {
  orders = await openOrdersDatabase();
  for (const role of roles)
    pools.set(role, await createPool({ url: orders.databaseUrl(role), applicationName: 'orders-test', size: 1 }));
});
afterAll(async () => {
  for (const pool of pools.values()) await pool.end();
  await orders.end();
});

async function isRefused(role: string, statement: ReturnType<typeof sql.unsafe>): Promise<boolean> {
  try {
    await pools.get(role)?.query(statement);
    return false;
  } catch (error) {
    if (sqlStateOf(error) === '42501') return true;
    throw error;
  }
}

/** What the role may do to a table or to some column of it. */
async function allowed(role: string): Promise<readonly string[]> {
  return await orders.owner.anyFirst(sql.type(z.object({ allowed: z.string() }))`
    select action || ' ' || relname as allowed
    from pg_class, unnest(${sql.array([...actions], 'text')}) as action
    where relnamespace = 'public'::regnamespace and relkind = 'r' and case
      when action in ('delete', 'truncate') then has_table_privilege(${`orders_${role}`}, pg_class.oid, action)
      else has_any_column_privilege(${`orders_${role}`}, pg_class.oid, action)
    end`);
}

describe.each(roles)('orders_%s', (role) => {
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

test('orders_ops may change the state of a dead letter and nothing else of it', async () => {
  expect(await isRefused('ops', sql.unsafe`update dead_letters set state = 'REDRIVEN' where false`)).toBe(false);
  expect(await isRefused('ops', sql.unsafe`update dead_letters set value = null where false`)).toBe(true);
});

test('orders_service may settle and sweep an order and change nothing of what was ordered', async () => {
  for (const column of ['status', 'cancel_reason', 'settled_at', 'swept_at', 'sweep_count'].map((name) => [name]))
    expect(await isRefused('service', setNothing(column))).toBe(false);
  for (const column of ['id', 'user_id', 'amount', 'description', 'idempotency_key', 'created_at'].map((name) => [
    name,
  ]))
    expect(await isRefused('service', setNothing(column))).toBe(true);
});

function setNothing(column: string[]): ReturnType<typeof sql.unsafe> {
  return sql.unsafe`update orders set ${sql.identifier(column)} = default where false`;
}
