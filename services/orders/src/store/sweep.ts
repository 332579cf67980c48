import type { OrderId } from '@order-payments/kernel/ids.ts';
import { sql, type Connection } from '@order-payments/platform/db/pool.ts';
import { z } from 'zod';
import type { Order } from '../domain/order.ts';
import { id, orderColumns, orderRow } from './rows.ts';

const scannedRow = z.object({
  scanned: z.bigint(),
  found: z.bigint(),
  last_scanned_id: id<OrderId>().nullable(),
  last_found_id: id<OrderId>().nullable(),
});

/**
 * Begins to watch orders of an id range that are NEW, and answers up to where the range was searched.
 * Ids grow with time, so old orders are a range of the primary key. It reads 50,000 rows in 20 (cached) to 40 ms (not
 * cached); a partial index on NEW would find them at once, and make every settling update of the table 5.9 times as slow.
 */
export async function watchOverdue(
  connection: Connection,
  range: { aboveId: OrderId; belowId: OrderId; scanMax: number; watchMax: number },
): Promise<{ found: number; searchedTo: OrderId }> {
  const { aboveId, belowId, scanMax, watchMax } = range;
  const row = await connection.one(sql.type(scannedRow)`
    with scanned as materialized (
      select id, status = 'NEW' and swept_at is null as overdue
      from orders
      where id > ${aboveId} and id < ${belowId}
      order by id
      limit ${scanMax}
    ), found as materialized (
      select id from scanned where overdue order by id limit ${watchMax}
    ), watched as (
      -- The beginning of time: due at once.
      update orders set swept_at = to_timestamp(0)
      from found
      where orders.id = found.id and orders.status = 'NEW' and orders.swept_at is null
    )
    select
      (select count(*) from scanned) as scanned,
      (select count(*) from found) as found,
      (select id from scanned order by id desc limit 1) as last_scanned_id,
      (select id from found order by id desc limit 1) as last_found_id`);
  const found = Number(row.found);
  if (found === watchMax) return { found, searchedTo: row.last_found_id ?? aboveId };
  const isWhole = row.scanned < BigInt(scanMax);
  return { found, searchedTo: isWhole ? belowId : (row.last_scanned_id ?? aboveId) };
}

/** Watched orders whose time has come: the base after the last look, doubled with every time that their event was told again. */
export async function findDue(
  connection: Connection,
  now: Date,
  backoff: { baseMs: number; maxMs: number },
  limit: number,
): Promise<readonly Order[]> {
  return await connection.any(sql.type(orderRow)`
    select ${orderColumns}
    from orders
    where swept_at < ${now.toISOString()}::timestamptz
        - least(${backoff.baseMs} * 2 ^ least(sweep_count, 20), ${backoff.maxMs}) * interval '1 millisecond'
      and swept_at < ${now.toISOString()}::timestamptz - ${backoff.baseMs} * interval '1 millisecond'
      and status = 'NEW'
    order by swept_at
    limit ${limit}`);
}

/** The sweeper has looked, and acted or not; the orders' next turn comes after their backoff. Returns those that are still NEW. */
export async function markSwept(
  connection: Connection,
  orderIds: readonly OrderId[],
  mark: { now: Date; acted: boolean },
): Promise<ReadonlySet<OrderId>> {
  if (orderIds.length === 0) return new Set();
  const marked = await connection.any(sql.type(z.object({ id: id<OrderId>() }))`
    update orders
    set swept_at = ${mark.now.toISOString()}, sweep_count = sweep_count + ${mark.acted ? 1 : 0}
    where id = any(${sql.array([...orderIds].sort(), 'uuid')}) and status = 'NEW'
    returning id`);
  return new Set(marked.map((row) => row.id));
}

/**
 * Which of the events still wait for the relay. It reads the whole outbox (no index: each would be paid by every event, and
 * the outbox is empty but in an outage, when a million rows take 0.2 s).
 */
export async function findInOutbox(connection: Connection, eventIds: readonly string[]): Promise<ReadonlySet<string>> {
  if (eventIds.length === 0) return new Set();
  const rows = await connection.any(sql.type(z.object({ event_id: z.string() }))`
    select event_id from outbox where event_id = any(${sql.array(eventIds, 'uuid')})`);
  return new Set(rows.map((row) => row.event_id));
}

/**
 * Age of the oldest NEW order in seconds, 0 where there is none: of those that are watched (the 1,000 that were looked at
 * longest ago stand for all), or of those too young to be.
 */
export async function oldestNewAgeSeconds(connection: Connection, youngAboveId: OrderId): Promise<number> {
  const row = await connection.one(sql.type(z.object({ age: z.number().nullable() }))`
    select extract(epoch from clock_timestamp() - min(created_at))::float8 as age
    from (
      (select created_at from orders where swept_at is not null order by swept_at limit 1000)
      union all
      (select created_at from orders where id > ${youngAboveId} and status = 'NEW' order by id limit 1)
    ) as unsettled`);
  return Math.max(row.age ?? 0, 0);
}
