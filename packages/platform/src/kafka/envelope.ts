import { hash } from 'node:crypto';

/** What every event is, whatever its data. Times are epoch milliseconds, as on the wire. */
export interface Envelope {
  readonly event_id: string;
  readonly event_type: string;
  readonly occurred_at: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The Kafka record that an event came in. */
export interface EventRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Epoch milliseconds, as its producer or broker says. */
  readonly timestampMs: number;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ReceivedEvent extends Envelope {
  readonly record: EventRecord;
  /** In hexadecimal. */
  readonly dataHash: string;
}

/**
 * SHA-256, in hexadecimal, of the type and the decoded data with sorted keys: equal for the same fact under another schema id,
 * because data is what the reader's own schema leaves of it, but for what it adds: a field that has its default is left out, so that
 * a version without the field and one with it agree. (A digest as text takes 0.4 us, as a buffer of its own 1.6 us.)
 */
export function hashData({ event_type, data }: Envelope, defaults: ReadonlyMap<string, unknown> = new Map()): string {
  return hash('sha256', canonical([event_type, defaults.size === 0 ? data : withoutDefaults(data, defaults)]), 'hex');
}

function withoutDefaults(data: Envelope['data'], defaults: ReadonlyMap<string, unknown>): Envelope['data'] {
  const isDefault = ([name, value]: [string, unknown]): boolean =>
    defaults.has(name) && canonical(value) === canonical(defaults.get(name));
  return Object.fromEntries(Object.entries(data).filter((entry) => !isDefault(entry)));
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === 'bigint') return inner.toString();
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
