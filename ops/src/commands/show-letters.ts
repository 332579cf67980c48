import type { Service } from '../config.ts';
import type { DeadLetter, ListedLetter } from '../domain/dead-letter.ts';
import { printable, toJson } from '../output/printable.ts';
import { table } from '../output/table.ts';
import type { LetterContent } from './decode-letter.ts';

const whyLengthMax = 80;
const hexBytesMax = 1_024;

export function placeOf({ topic, partition, offset }: ListedLetter): string {
  return `${printable(topic)}[${partition}]@${offset}`;
}

export function lettersTable(letters: ReadonlyArray<{ service: Service; letter: ListedLetter }>): string {
  return table(
    ['service', 'id', 'state', 'since', 'record', 'event id', 'why'],
    letters.map(({ service, letter }) => [
      service,
      String(letter.id),
      letter.state,
      letter.createdAt.toISOString(),
      placeOf(letter),
      letter.eventId ?? '-',
      shorten(printable(letter.why)),
    ]),
  );
}

export function showLetter(service: Service, letter: DeadLetter, content: LetterContent): string {
  const lines = [
    ['dead letter', `${letter.id} of ${service}, ${letter.state}`],
    ['why', printable(letter.why)],
    ['attempts', String(letter.attempts)],
    ['record', placeOf(letter)],
    ['key', describeBytes(letter.key)],
    ['headers', printable(JSON.stringify(letter.headers))],
    ['event id', letter.eventId ?? 'unknown'],
    ['buried', letter.createdAt.toISOString()],
    ['changed', letter.updatedAt.toISOString()],
    ...('event' in content
      ? [['event', '']]
      : [
          ['content', `cannot be read: ${printable(content.why)}`],
          ['value', describeHex(letter.value)],
        ]),
  ].map(([label = '', text = '']) => `${label.padEnd(13)}${text}`.trimEnd());
  if ('event' in content) lines.push(...toJson(content.event).split('\n').map(printable));
  return lines.join('\n');
}

export function listedForMachines(service: Service, letter: ListedLetter) {
  return {
    service,
    id: letter.id,
    state: letter.state,
    topic: letter.topic,
    partition: letter.partition,
    offset: letter.offset,
    event_id: letter.eventId,
    why: letter.why,
    attempts: letter.attempts,
    created_at: letter.createdAt,
    updated_at: letter.updatedAt,
  };
}

/** Bytes as hexadecimal text: JSON knows no bytes. */
export function letterForMachines(service: Service, letter: DeadLetter) {
  return {
    ...listedForMachines(service, letter),
    headers: letter.headers,
    key_hex: letter.key?.toString('hex') ?? null,
    value_hex: letter.value?.toString('hex') ?? null,
  };
}

function describeBytes(bytes: Buffer | null): string {
  if (bytes === null) return 'null';
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? JSON.stringify(printable(text)) : describeHex(bytes);
}

function describeHex(bytes: Buffer | null): string {
  if (bytes === null) return 'null';
  const rest = bytes.length > hexBytesMax ? `... (${bytes.length} bytes; --json has them all)` : '';
  return `hex ${bytes.subarray(0, hexBytesMax).toString('hex')}${rest}`;
}

function shorten(text: string): string {
  return text.length <= whyLengthMax ? text : `${text.slice(0, whyLengthMax - 3)}...`;
}
