import { sql, type Connection } from '../db/pool.ts';
import type { EventRecord } from '../kafka/envelope.ts';

/** A record that can never be applied as it is, and why. */
export interface DeadLetter {
  readonly record: EventRecord;
  readonly eventId?: string;
  readonly why: string;
  readonly attempts: number;
}

const whyLengthMax = 1_000;

/** Insert-or-nothing by the record's place in the topic and its value, so a record that is read again is kept once. */
export async function bury(connection: Connection, letters: readonly DeadLetter[]): Promise<void> {
  if (letters.length === 0) return;
  const rows = letters.map(({ record, eventId, why, attempts }) => [
    record.topic,
    record.partition,
    record.offset,
    record.key as never,
    record.value as never,
    JSON.stringify(record.headers),
    eventId ?? null,
    why.replaceAll('\0', '').toWellFormed().slice(0, whyLengthMax),
    attempts,
  ]);
  await connection.query(sql.unsafe`
    insert into dead_letters (topic, partition, record_offset, key, value, headers, event_id, why, attempts)
    select * from ${sql.unnest(rows, ['text', 'int4', 'int8', 'bytea', 'bytea', 'jsonb', 'uuid', 'text', 'int4'])}
    on conflict do nothing`);
}
