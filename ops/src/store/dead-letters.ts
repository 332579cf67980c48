import { sql, type Connection, type Transaction } from '@order-payments/platform/db/pool.ts';
import { z } from 'zod';
import { letterStates, type DeadLetter, type LetterState, type ListedLetter } from '../domain/dead-letter.ts';

const listedFields = {
  id: z.bigint(),
  topic: z.string(),
  partition: z.number(),
  record_offset: z.bigint(),
  event_id: z.string().nullable(),
  why: z.string(),
  attempts: z.number(),
  state: z.enum(letterStates),
  created_at: z.date(),
  updated_at: z.date(),
};
const listedRow = z.object(listedFields).transform(listedLetterOf);
const letterRow = z
  .object({
    ...listedFields,
    key: z.instanceof(Buffer).nullable(),
    value: z.instanceof(Buffer).nullable(),
    headers: z.unknown(),
  })
  .transform((row): DeadLetter => ({ ...listedLetterOf(row), key: row.key, value: row.value, headers: row.headers }));

function listedLetterOf(row: z.output<z.ZodObject<typeof listedFields>>): ListedLetter {
  return {
    id: row.id,
    topic: row.topic,
    partition: row.partition,
    offset: row.record_offset,
    eventId: row.event_id,
    why: row.why,
    attempts: row.attempts,
    state: row.state,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

const idRow = z.object({ id: z.bigint() });
const lastIdRow = z.object({ last_id: z.bigint() });

const listedColumns = sql.fragment`
  id, topic, partition, record_offset, event_id, why, attempts, state, created_at, updated_at`;
const columns = sql.fragment`${listedColumns}, key, value, headers`;

/** Every condition that is not given is met by all letters. */
export interface LetterFilter {
  readonly states?: readonly LetterState[];
  readonly topic?: string;
}

/** The first letters in the order in which they were buried, without their keys and values: those may be a megabyte each. */
export async function listLetters(
  connection: Connection,
  filter: LetterFilter,
  limit: number,
): Promise<readonly ListedLetter[]> {
  return await connection.any(sql.type(listedRow)`
    select ${listedColumns} from dead_letters where ${matches(filter)} order by id limit ${limit}`);
}

export async function selectLetterIds(
  connection: Connection,
  filter: LetterFilter,
  page: { afterId: bigint; throughId: bigint; limit: number },
): Promise<bigint[]> {
  const rows = await connection.any(sql.type(idRow)`
    select id from dead_letters
    where ${matches(filter)} and id > ${page.afterId} and id <= ${page.throughId}
    order by id limit ${page.limit}`);
  return rows.map(({ id }) => id);
}

export async function lastLetterId(connection: Connection): Promise<bigint> {
  const row = await connection.one(sql.type(lastIdRow)`select coalesce(max(id), 0) as last_id from dead_letters`);
  return row.last_id;
}

function matches({ states, topic }: LetterFilter) {
  return sql.fragment`
    (${states === undefined} or state = any(${sql.array(states ?? [], 'text')}))
    and (${topic === undefined} or topic = ${topic ?? ''})`;
}

export async function findLetters(connection: Connection, ids: readonly bigint[]): Promise<readonly DeadLetter[]> {
  return await connection.any(sql.type(letterRow)`
    select ${columns} from dead_letters where id = any(${sql.array(ids, 'int8')}) order by id`);
}

/** Holds the letters until the transaction ends, so that of two operators one sees what the other did. */
export async function lockLetters(transaction: Transaction, ids: readonly bigint[]): Promise<readonly DeadLetter[]> {
  return await transaction.any(sql.type(letterRow)`
    select ${columns} from dead_letters where id = any(${sql.array(ids, 'int8')}) order by id for no key update`);
}

export async function markRedriven(transaction: Transaction, ids: readonly bigint[]): Promise<void> {
  await transaction.query(sql.unsafe`
    update dead_letters set state = 'REDRIVEN', attempts = attempts + 1, updated_at = now()
    where id = any(${sql.array(ids, 'int8')})`);
}

export async function markDiscarded(transaction: Transaction, ids: readonly bigint[]): Promise<void> {
  await transaction.query(sql.unsafe`
    update dead_letters set state = 'DISCARDED', updated_at = now() where id = any(${sql.array(ids, 'int8')})`);
}

export async function selectLettersOfEvent(
  connection: Connection,
  eventId: string,
  limit: number,
): Promise<readonly DeadLetter[]> {
  return await connection.any(sql.type(letterRow)`
    select ${columns} from dead_letters where event_id = ${eventId} order by id limit ${limit}`);
}
