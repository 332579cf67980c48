import { z } from 'zod';
import { sql, type Transaction } from '../db/pool.ts';
import { rowsAs } from '../db/rows.ts';
import type { ReceivedEvent } from '../kafka/envelope.ts';

/** What the inbox knows of the events that were just received. */
export interface Received {
  /** Never seen: to be applied now, in the order in which they came. */
  fresh: ReceivedEvent[];
  /** The same id with other data: no duplicate, and never to be applied. */
  contradicting: ReceivedEvent[];
}

const eventIdRow = z.object({ event_id: z.string() });
const hashRow = z.object({ event_id: z.string(), data_hash: z.string() });

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
    return hash !== undefined && hash !== event.dataHash;
  };
  return {
    fresh: [...first.values()].filter(({ event_id }) => inserted.has(event_id)),
    contradicting: events.filter(contradicts),
  };
}

async function insertFresh(transaction: Transaction, events: readonly ReceivedEvent[]): Promise<Set<string>> {
  if (events.length === 0) return new Set();
  // In one order for all consumers, so that two with the same events wait for each other and do not deadlock.
  const sorted = [...events].sort((a, b) => (a.event_id < b.event_id ? -1 : 1));
  // It answers with those that were there: usually none, so usually no row is read.
  const known = await transaction.any(sql.prepared('insert-inbox-rows', eventIdRow)`
    with received as materialized (
      select * from ${rowsAs('received', sorted, {
        event_id: ['uuid', (event) => event.event_id],
        topic: ['text', ({ record }) => record.topic],
        partition: ['int4', ({ record }) => record.partition],
        record_offset: ['int8', ({ record }) => record.offset],
        data_hash: ['bytea', (event) => `\\x${event.dataHash}`],
      })}
    ), recorded as (
      insert into inbox (event_id, topic, partition, record_offset, data_hash)
      select event_id, topic, partition, record_offset, data_hash from received
      on conflict (event_id) do nothing
      returning event_id
    )
    select event_id from received where event_id not in (select event_id from recorded)`);
  const inserted = new Set(sorted.map(({ event_id }) => event_id));
  for (const { event_id } of known) inserted.delete(event_id);
  return inserted;
}

async function readHashes(transaction: Transaction, eventIds: readonly string[]): Promise<Map<string, string>> {
  if (eventIds.length === 0) return new Map();
  const rows = await transaction.any(sql.type(hashRow)`
    select event_id, encode(data_hash, 'hex') as data_hash from inbox where event_id = any(${sql.array(eventIds, 'uuid')})`);
  return new Map(rows.map(({ event_id, data_hash }) => [event_id, data_hash]));
}

/** Takes back what this transaction recorded: an event that turned out a dead letter must not be a duplicate when it is redriven. */
export async function forget(transaction: Transaction, events: readonly ReceivedEvent[]): Promise<void> {
  if (events.length === 0) return;
  const ids = events.map(({ event_id }) => event_id);
  await transaction.query(sql.unsafe`delete from inbox where event_id = any(${sql.array(ids, 'uuid')})`);
}
