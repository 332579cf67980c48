import { isUuid } from '@order-payments/kernel/uuid.ts';
import type { Database, Transaction } from '../db/pool.ts';
import { describeDatabaseError, errorKind } from '../db/sql-state.ts';
import { bury, type DeadLetter } from '../inbox/dead-letters.ts';
import { forget, receive } from '../inbox/inbox.ts';
import { seam } from '../seam.ts';
import type { EventRecord, ReceivedEvent } from './envelope.ts';
import type { EventCodec } from './event-codec.ts';

/** An event that can never be applied, and why: it becomes a dead letter. */
export interface Rejection {
  readonly event: ReceivedEvent;
  readonly why: string;
}

/**
 * What a service does with events: nothing but SQL and pure code, in the transaction that also holds their inbox rows.
 * The events are new to the inbox, in the order of their records.
 */
export type ApplyEvents = (transaction: Transaction, events: readonly ReceivedEvent[]) => Promise<readonly Rejection[]>;

/** How many of the records became what. */
export interface ProcessedRecords {
  applied: number;
  duplicate: number;
  skipped: number;
  dead: number;
}

interface Processing {
  codec: EventCodec;
  database: Database;
  apply: ApplyEvents;
}

/** Decodes the records, and processes them together. */
export async function processRecords(
  processing: Processing,
  records: readonly EventRecord[],
): Promise<ProcessedRecords> {
  return await processDecoded(processing, await decodeAll(processing.codec, records));
}

/**
 * Processes decoded records in one transaction. Where one of them breaks a rule of the database, all are tried again,
 * one event a transaction, and only those at fault become dead letters.
 */
export async function processDecoded(processing: Processing, decoded: DecodedRecords): Promise<ProcessedRecords> {
  try {
    return await processTogether(processing, decoded);
  } catch (error) {
    if (errorKind(error) !== 'data') throw error;
    return await processSingly(processing, decoded);
  }
}

export interface DecodedRecords {
  events: ReceivedEvent[];
  dead: DeadLetter[];
  skipped: number;
}

export const sizeOfDecoded = ({ events, dead, skipped }: DecodedRecords): number =>
  events.length + dead.length + skipped;

/** Those of several partitions as if they had come in one, each partition's in its order. */
export function mergeDecoded(all: readonly DecodedRecords[]): DecodedRecords {
  return {
    events: all.flatMap(({ events }) => events),
    dead: all.flatMap(({ dead }) => dead),
    skipped: all.reduce((sum, { skipped }) => sum + skipped, 0),
  };
}

/** Throws RegistryUnavailableError for what passes by itself. */
export async function decodeAll(codec: EventCodec, records: readonly EventRecord[]): Promise<DecodedRecords> {
  const result: DecodedRecords = { events: [], dead: [], skipped: 0 };
  for (const record of records) {
    const decoded = await codec.decode(record.value, record.timestampMs);
    switch (decoded.kind) {
      case 'event': {
        const { envelope, dataHash } = decoded;
        if (isUuid(envelope.event_id)) result.events.push({ ...envelope, record, dataHash });
        else result.dead.push({ record, why: 'event_id is not a UUID', attempts: 1 });
        break;
      }
      case 'skipped':
        result.skipped += 1;
        break;
      case 'undecodable':
        result.dead.push({ record, why: decoded.why, attempts: 1 });
    }
  }
  return result;
}

async function processTogether({ database, apply }: Processing, decoded: DecodedRecords): Promise<ProcessedRecords> {
  return await database.transaction(async (transaction) => {
    const { fresh, contradicting } = await receive(transaction, decoded.events);
    seam('consumer.inbox-written');
    const rejected = fresh.length > 0 ? await apply(transaction, fresh) : [];
    seam('consumer.applied');
    await forget(
      transaction,
      rejected.map(({ event }) => event),
    );
    await bury(transaction, [
      ...decoded.dead,
      ...contradicting.map((event) => letter(event, 'the same event id came with other data')),
      ...rejected.map(({ event, why }) => letter(event, why)),
    ]);
    seam('consumer.commit-sent');
    const dead = decoded.dead.length + contradicting.length + rejected.length;
    const applied = fresh.length - rejected.length;
    return {
      applied,
      dead,
      skipped: decoded.skipped,
      duplicate: decoded.events.length - fresh.length - contradicting.length,
    };
  });
}

async function processSingly(processing: Processing, decoded: DecodedRecords): Promise<ProcessedRecords> {
  const total = await processTogether(processing, { ...decoded, events: [] });
  for (const event of decoded.events) {
    const one = { events: [event], dead: [], skipped: 0 };
    const outcome = await processTogether(processing, one).catch(async (error: unknown) => {
      if (errorKind(error) !== 'data') throw error;
      const why = describeDatabaseError(error);
      return await processTogether(processing, { events: [], dead: [letter(event, why, 2)], skipped: 0 });
    });
    total.applied += outcome.applied;
    total.duplicate += outcome.duplicate;
    total.dead += outcome.dead;
  }
  return total;
}

function letter(event: ReceivedEvent, why: string, attempts = 1): DeadLetter {
  return { record: event.record, eventId: event.event_id, why, attempts };
}
