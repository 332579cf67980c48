import { z } from 'zod';
import { sql, type Transaction } from '../db/pool.ts';
import type { ReceivedEvent } from '../kafka/envelope.ts';

/** What the inbox knows of the events that were just received. */
export interface Received {
  /** Never seen: to be applied now, in the order in which they came. */
  fresh: ReceivedEvent[];
  /** The same id with other data: no duplicate, and never to be applied. */
  contradicting: ReceivedEvent[];
}

const eventIdRow = z.object({ event_id: z.string() });
const hashRow = z.object({ event_id: z.string(), data_hash: z.instanceof(Buffer) });

/**
 * Records the events in the caller's transaction: insert-or-nothing, then a look at what was there. A consumer that
 * received the same events at the same time waits on the primary key until this transaction has ended.
 */
export async function receive(transaction: Transaction, events: readonly ReceivedEvent[]): Promise<Received> {
  const first = new Map<string, ReceivedEvent>();
  for (const event of events) if (!first.has(event.event_id)) first.set(event.event_id, event);
  const inserted = await insertFresh(transaction, [...first.values()]);
  const knownIds = [...first.keys()].filter((id) => !inserted.has(id));
  const storedHashes = await readHashes(transaction, knownIds);
  const contradicts = (event: ReceivedEvent): boolean => {
    const hash = storedHashes.get(event.event_id) ?? first.get(event.event_id)?.dataHash;
    return hash !== undefined && !hash.equals(event.dataHash);
  };
  return {
    fresh: [...first.values()].filter(({ event_id }) => inserted.has(event_id)),
    contradicting: events.filter(contradicts),
  };
}

async function insertFresh(transaction: Transaction, events: readonly ReceivedEvent[]): Promise<Set<string>> {
  if (events.length === 0) return new Set();
  // In one order for all consumers, so that two with the same events wait for each other and do not deadlock.
  const rows = [...events]
    .sort((a, b) => (a.event_id < b.event_id ? -1 : 1))
    .map(({ event_id, record, dataHash }) => [
      event_id,
      record.topic,
      record.partition,
      record.offset,
      dataHash as never,
    ]);
  const inserted = await transaction.any(sql.type(eventIdRow)`
    insert into inbox (event_id, topic, partition, record_offset, data_hash)
    select * from ${sql.unnest(rows, ['uuid', 'text', 'int4', 'int8', 'bytea'])}
    on conflict (event_id) do nothing
    returning event_id`);
  return new Set(inserted.map(({ event_id }) => event_id));
}

async function readHashes(transaction: Transaction, eventIds: readonly string[]): Promise<Map<string, Buffer>> {
  if (eventIds.length === 0) return new Map();
  const rows = await transaction.any(sql.type(hashRow)`
    select event_id, data_hash from inbox where event_id = any(${sql.array(eventIds, 'uuid')})`);
  return new Map(rows.map(({ event_id, data_hash }) => [event_id, data_hash]));
}

/** Takes back what this transaction recorded: an event that turned out a dead letter must not be a duplicate when it is redriven. */
export async function forget(transaction: Transaction, events: readonly ReceivedEvent[]): Promise<void> {
  if (events.length === 0) return;
  const ids = events.map(({ event_id }) => event_id);
  await transaction.query(sql.unsafe`delete from inbox where event_id = any(${sql.array(ids, 'uuid')})`);
}
