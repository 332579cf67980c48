import { testRoles } from '@order-payments/local/test-kit/role-tests.ts';
import { sql } from '@order-payments/platform/db/pool.ts';
import { expect, test } from '@jest/globals';
import { openOrdersDatabase } from './orders-database.ts';

/** All that each role may do; whatever is not here must be refused. */
const rights = {
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
    'delete dead_letters',
    'select retention',
    'insert retention',
    'update retention',
  ],
  relay: ['select outbox', 'delete outbox'],
  ops: [
    'select orders',
    'select outbox',
    'insert outbox',
    'select inbox',
    'select dead_letters',
    'update dead_letters',
    'select retention',
    'select migrations',
  ],
} as const;

const { isRefused } = testRoles('orders', rights, openOrdersDatabase);

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
