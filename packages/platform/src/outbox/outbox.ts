import type { FragmentSqlToken } from 'slonik';
import { z } from 'zod';
import { sql, type Connection } from '../db/pool.ts';
import { rowsAs } from '../db/rows.ts';

/** An event as it waits for the relay: encoded already, so the relay moves bytes. */
export interface OutboxRow {
  readonly eventId: string;
  readonly topic: string;
  /** Kafka's partition key. */
  readonly key: string;
  readonly payload: Buffer;
}

/**
 * The insert for a statement of the caller's own, so that the fact and its event are one statement:
 * `source` is a relation with event_id, topic, key and payload.
 */
export function outboxInsert(source: FragmentSqlToken): FragmentSqlToken {
  return sql.fragment`insert into outbox (event_id, topic, key, payload) select event_id, topic, key, payload from ${source}`;
}

/** Appends the rows in their order, in the caller's transaction. */
export async function appendToOutbox(connection: Connection, rows: readonly OutboxRow[]): Promise<void> {
  if (rows.length === 0) return;
  await connection.query(
    sql.unsafe`${outboxInsert(sql.fragment`(select * from ${outboxRowsAs('appended', rows)}) as appended`)}`,
  );
}

/** The rows as a relation of a statement, in their order. */
export function outboxRowsAs(name: string, rows: readonly OutboxRow[]): FragmentSqlToken {
  return rowsAs(name, rows, {
    event_id: ['uuid', (row) => row.eventId],
    topic: ['text', (row) => row.topic],
    key: ['text', (row) => row.key],
    payload: ['bytea', (row) => row.payload],
  });
}

/** Age of the oldest row in seconds, 0 where the outbox is empty. The primary key's order is the rows' order, so this reads one row. */
export async function oldestOutboxAgeSeconds(connection: Connection): Promise<number> {
  const row = await connection.maybeOne(
    sql.type(z.object({ age: z.number() }))`
      select extract(epoch from clock_timestamp() - created_at)::float8 as age from outbox order by id limit 1`,
  );
  return row?.age ?? 0;
}
