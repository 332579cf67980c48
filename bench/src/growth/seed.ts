import { eventIdOf, type OrderId } from '@order-payments/kernel/ids.ts';
import type pg from 'pg';
import { userId } from '../data.ts';

/** Who has a tenth of all orders, and so as many transactions. */
export const HOT_USER = userId(1);
const CREDIT = 1_000_000_000_000;
const AMOUNT = 10;
const PAGE = 20_000;
const ORDERS_AN_ACCOUNT = 100;

/** So many users share a history: each has some hundred orders, and never so few that they meet all the time. */
export const usersOf = (orders: number): number => Math.max(1_000, Math.ceil(orders / ORDERS_AN_ACCOUNT));

/**
 * A past that went well, as both databases keep it: accounts with a top-up each, so many settled orders of two days, every
 * fifth canceled, and the inbox rows of all their events. Both databases are empty before.
 */
export async function seedHistory(
  { orders, payments }: { orders: pg.Client; payments: pg.Client },
  count: number,
): Promise<void> {
  for (const client of [orders, payments]) {
    await client.query("set synchronous_commit = off; set work_mem = '256MB'; set maintenance_work_mem = '256MB'");
  }
  await Promise.all([seedOrders(orders, count), seedPayments(payments, count)]);
  await seedInboxes(orders, payments);
  for (const client of [orders, payments]) {
    await client.query('vacuum analyze');
    await client.query('reset all');
  }
}

const idOf = `('0190' || lpad(to_hex(g / 100), 8, '0') || '7000' || '8000' || substr(md5(g::text), 1, 12))::uuid`;
const userOf = (users: number): string =>
  `('00000000-0000-4000-8000-' || lpad(to_hex(case g % 10 when 0 then 1 else 1 + g % ${users} end), 12, '0'))::uuid`;
const isCanceled = 'g % 5 = 4';
const at = `now() - interval '2 days' + g * interval '10 milliseconds'`;
const inOrderOfIds = (count: number, columns: string): string =>
  `(select g, ${idOf} as order_id, ${columns} from generate_series(0, ${count - 1}) as g order by 2)`;

async function seedOrders(client: pg.Client, count: number): Promise<void> {
  await client.query(`
    insert into orders (id, user_id, amount, description, status, cancel_reason, created_at, settled_at)
    select order_id, user_id, ${AMOUNT}, 'seeded', case when ${isCanceled} then 'CANCELED' else 'FINISHED' end,
      case when ${isCanceled} then 'INSUFFICIENT_FUNDS' end, ${at}, ${at}
    from ${inOrderOfIds(count, `${userOf(usersOf(count))} as user_id`)} as seeded`);
}

async function seedPayments(client: pg.Client, count: number): Promise<void> {
  await client.query(`
    insert into accounts (id, user_id, updated_at)
    select uuidv7(), ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, now()
    from generate_series(1, ${usersOf(count)}) as n`);
  await client.query(`
    insert into payments (order_id, user_id, amount, status, reason, created_at)
    select order_id, user_id, ${AMOUNT}, case when ${isCanceled} then 'FAILED' else 'SUCCEEDED' end,
      case when ${isCanceled} then 'INSUFFICIENT_FUNDS' end, ${at}
    from ${inOrderOfIds(count, `${userOf(usersOf(count))} as user_id`)} as seeded`);
  await client.query(`
    insert into transactions (id, account_id, account_version, type, amount, idempotency_key, balance_after, created_at)
    select uuidv7(), id, 1, 'CREDIT', ${CREDIT}, 'seeded', ${CREDIT}, now() - interval '3 days' from accounts`);
  await client.query(`
    insert into transactions (id, account_id, account_version, type, amount, reference_order_id, balance_after, created_at)
    select uuidv7(), account_id, 1 + n, 'DEBIT', ${AMOUNT}, order_id, ${CREDIT} - ${AMOUNT} * n, created_at
    from (
      select accounts.id as account_id, order_id, payments.created_at,
        row_number() over (partition by payments.user_id order by order_id) as n
      from payments join accounts on accounts.user_id = payments.user_id
      where status = 'SUCCEEDED'
    ) as debit
    order by order_id`);
  await client.query(`
    update accounts set balance = last.balance_after, version = last.account_version
    from (select account_id, min(balance_after) as balance_after, max(account_version) as account_version
          from transactions group by account_id) as last
    where last.account_id = accounts.id`);
}

/** Event ids are UUIDs of version 5, which PostgreSQL does not make, so the orders are read for them. */
async function seedInboxes(orders: pg.Client, payments: pg.Client): Promise<void> {
  // Older than all, so that the inboxes remember every event.
  for (const client of [orders, payments])
    await client.query(`
      insert into inbox (event_id, topic, partition, record_offset, data_hash, received_at)
      values (uuidv7(), 'seeded', 0, 0, '\\x00', now() - interval '3 days')`);
  let afterId: string = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const { rows } = await orders.query<{ id: OrderId; status: string }>(
      'select id, status from orders where id > $1 order by id limit $2',
      [afterId, PAGE],
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    afterId = last.id;
    const outcomeOf = ({ id, status }: (typeof rows)[number]): string =>
      eventIdOf(id, status === 'FINISHED' ? 'PaymentSucceeded' : 'PaymentFailed');
    await Promise.all([
      insertInbox(
        payments,
        rows.map(({ id }) => eventIdOf(id, 'OrderCreated')),
      ),
      insertInbox(orders, rows.map(outcomeOf)),
    ]);
  }
}

async function insertInbox(client: pg.Client, eventIds: readonly string[]): Promise<void> {
  await client.query(
    `insert into inbox (event_id, topic, partition, record_offset, data_hash, received_at)
     select event_id, 'seeded', 1, position, sha256(event_id::text::bytea), now() - interval '1 day'
     from unnest($1::uuid[]) with ordinality as seeded (event_id, position)`,
    [eventIds],
  );
}
