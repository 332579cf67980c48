import { sql, type Connection } from '@order-payments/platform/db/pool.ts';
import { z } from 'zod';

const eventIdRow = z.object({ event_id: z.string() });
const lateRow = z.object({ rows: z.bigint(), oldest: z.date().nullable() });
const countRow = z.object({ count: z.bigint() });

/** Before when an event, or a dead letter that was resolved, may have been pruned; null where nothing was ever pruned. */
export async function prunedBefore(connection: Connection): Promise<Date | null> {
  return await connection.oneFirst(
    sql.type(z.object({ pruned_before: z.date().nullable() }))`
      select max(forgotten_before) as pruned_before from retention`,
  );
}

/** Those of the events that the consumer has neither applied nor buried. */
export async function withoutReceived(
  connection: Connection,
  eventIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (eventIds.length === 0) return new Set();
  const rows = await connection.any(sql.type(eventIdRow)`
    select event_id from unnest(${sql.array(eventIds, 'uuid')}) as due (event_id)
    where not exists (select from inbox where inbox.event_id = due.event_id)
      and not exists (select from dead_letters where dead_letters.event_id = due.event_id)`);
  return new Set(rows.map(({ event_id }) => event_id));
}

/** Those of the events that do not wait in the outbox. Ask for few: the outbox has no index on them. */
export async function withoutWaiting(
  connection: Connection,
  eventIds: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  if (eventIds.size === 0) return eventIds;
  const rows = await connection.any(sql.type(eventIdRow)`
    select event_id from outbox where event_id = any(${sql.array([...eventIds], 'uuid')})`);
  const waiting = new Set(rows.map(({ event_id }) => event_id));
  return new Set([...eventIds].filter((eventId) => !waiting.has(eventId)));
}

/** Outbox rows that wait for longer than that. */
export async function findLateOutboxRows(
  connection: Connection,
  settleWithinSeconds: number,
): Promise<{ rows: bigint; oldest: Date | null }> {
  return await connection.one(sql.type(lateRow)`
    select count(*) as rows, min(created_at) as oldest from outbox
    where created_at < now() - make_interval(secs => ${settleWithinSeconds})`);
}

export async function countDeadLetters(connection: Connection): Promise<number> {
  const row = await connection.one(sql.type(countRow)`select count(*) as count from dead_letters where state = 'DEAD'`);
  return Number(row.count);
}
