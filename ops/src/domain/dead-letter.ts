import { createHash } from 'node:crypto';

export const letterStates = ['DEAD', 'REDRIVEN', 'DISCARDED'] as const;
export type LetterState = (typeof letterStates)[number];

/** A record that its consumer could not apply, without its content. */
export interface ListedLetter {
  readonly id: bigint;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly eventId: string | null;
  readonly why: string;
  readonly attempts: number;
  readonly state: LetterState;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface DeadLetter extends ListedLetter {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: unknown;
}

export interface RedrivenRecord {
  readonly eventId: string;
  readonly topic: string;
  readonly key: string;
  readonly payload: Buffer;
}

/** `already`: it is as it was asked to be. `refused`: the operator has to say more. */
export type Verdict<Done> =
  | { readonly kind: 'do'; readonly what: Done; readonly note?: string }
  | { readonly kind: 'already'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string };

// Far beyond any event of ours, and so little that no number of them keeps the relay from publishing.
const recordBytesMax = 64 * 1024;

/**
 * The same bytes go to the same topic again. Their event id is inside, so the inbox and the payment decide what they are,
 * and sending them once more than needed does nothing. Headers are not sent again: no event of ours has any.
 */
export function judgeRedrive(letter: DeadLetter, options: { force: boolean }): Verdict<RedrivenRecord> {
  if (letter.state === 'REDRIVEN' && !options.force)
    return { kind: 'already', why: `redriven at ${letter.updatedAt.toISOString()}; --force sends it again` };
  if (letter.state === 'DISCARDED' && !options.force)
    return { kind: 'refused', why: `discarded at ${letter.updatedAt.toISOString()}; --force redrives it all the same` };
  if (letter.value === null)
    return { kind: 'refused', why: 'it has no value, so there is nothing to apply: discard it' };
  const bytes = letter.value.length + (letter.key?.length ?? 0);
  if (bytes > recordBytesMax) return { kind: 'refused', why: `it has ${bytes} bytes, more than any event: discard it` };
  const key = textOf(letter.key);
  const record = {
    eventId: letter.eventId ?? placeId(letter),
    topic: letter.topic,
    key: key ?? '',
    payload: letter.value,
  };
  if (key !== undefined) return { kind: 'do', what: record };
  return { kind: 'do', what: record, note: `its key is ${describeKey(letter.key)}: sent with an empty one` };
}

export function judgeDiscard(letter: DeadLetter, options: { force: boolean }): Verdict<'discard'> {
  if (letter.state === 'DISCARDED') return { kind: 'already', why: `discarded at ${letter.updatedAt.toISOString()}` };
  if (letter.state === 'REDRIVEN' && !options.force)
    return { kind: 'refused', why: `redriven at ${letter.updatedAt.toISOString()}; --force discards it all the same` };
  return { kind: 'do', what: 'discard' };
}

/**
 * The outbox keeps keys as text, and ours are user ids. A key that PostgreSQL's text cannot hold came from a stranger;
 * consumers do not read keys, so an empty one changes only the partition.
 */
function textOf(key: Buffer | null): string | undefined {
  if (key === null || key.includes(0)) return undefined;
  const text = key.toString('utf8');
  return Buffer.from(text, 'utf8').equals(key) ? text : undefined;
}

function describeKey(key: Buffer | null): string {
  return key === null ? 'null' : 'no UTF-8 text';
}

/**
 * An id for a record that does not tell its own, the same at every redrive. Only the outbox's column needs it: the relay
 * does not send it, and the consumer goes by what is in the bytes.
 */
function placeId({ topic, partition, offset }: DeadLetter): string {
  const hex = createHash('sha256').update(`${topic}/${partition}/${offset}`).digest('hex');
  // Version 8, RFC 9562: whatever the maker likes.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
