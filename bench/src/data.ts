import type { Service } from '@order-payments/local/infrastructure/postgres-roles.ts';
import type pg from 'pg';
import type { Rig } from './rig.ts';

export const USERS = 10_000;
/** More than any run spends. */
const BALANCE = 1_000_000_000_000;

const TABLES = {
  orders: 'orders, outbox, inbox, dead_letters',
  payments: 'accounts, transactions, payments, outbox, inbox, dead_letters',
} as const;

/** The floors' scripts make it of the number in the same way. */
export function userId(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

/** Not its identities: the relays remember how far they were. */
export async function truncateAll(database: pg.Client, service: Service): Promise<void> {
  await database.query(`truncate ${TABLES[service]}`);
}

/** So many users with an account each, and the top-up that filled it. */
export async function fillAccounts(database: pg.Client, users: number): Promise<void> {
  await database.query(`
    insert into accounts (id, user_id, balance, version, updated_at)
    select uuidv7(), ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, ${BALANCE}, 1, now()
    from generate_series(1, ${users}) as n`);
  await database.query(`
    insert into transactions (id, account_id, account_version, type, amount, balance_after, created_at)
    select uuidv7(), id, 1, 'CREDIT', ${BALANCE}, ${BALANCE}, now() from accounts`);
  await database.query('vacuum analyze accounts, transactions');
}

/** Empty tables, accounts for the users, and a checkpoint, so that each run begins alike. All must be at rest. */
export async function beginAnew(rig: Rig, users: number): Promise<void> {
  await truncateAll(rig.orders, 'orders');
  await truncateAll(rig.payments, 'payments');
  for (const database of [rig.orders, rig.payments]) await database.query('truncate told');
  await fillAccounts(rig.payments, users);
  await rig.orders.query('vacuum analyze orders, outbox, inbox');
  await rig.payments.query('vacuum analyze payments, outbox, inbox');
  for (const database of [rig.orders, rig.payments]) await database.query('checkpoint');
}
