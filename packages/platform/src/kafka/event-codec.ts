import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import { type Type } from 'avsc';
import { keepTrying, sleep } from '../backoff.ts';
import type { Logger } from '../logger.ts';
import { avroTypeOf, defaultsOfData } from './avro-type.ts';
import { hashData, type Envelope } from './envelope.ts';

/** An Avro schema as the registry knows it: the subject is the record's full name. */
export interface AvroSchema {
  readonly subject: string;
  readonly text: string;
}

export type Decoded =
  | { kind: 'event'; envelope: Envelope; dataHash: string }
  | { kind: 'skipped'; why: 'tombstone' | 'unknown event type' }
  | { kind: 'undecodable'; why: string };

/** The registry gave no answer, or has not had the schema for long enough: not the record's fault, so try again. */
export class RegistryUnavailableError extends Error {
  override readonly name = 'RegistryUnavailableError';
}

export interface EventCodec {
  /** Looks up the id of each schema that is compiled in (never "latest"), and keeps trying until it has them. */
  start(signal: AbortSignal): Promise<void>;
  /** Confluent's wire format. Throws TypeError for what breaks the schema, so that it never reaches an outbox. */
  encode(envelope: Envelope): Buffer;
  /** `writtenAtMs`: the record's time, epoch milliseconds; now where there is none. Throws RegistryUnavailableError for what passes by itself. */
  decode(value: Buffer | null, writtenAtMs?: number): Promise<Decoded>;
}

// Confluent's wire format: a zero byte, the schema's id in four bytes, the Avro body.
// https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
const headerBytes = 5;

const registryTimeoutMs = 5_000;
const missingIdsMax = 1_000;

type Unreadable = Exclude<Decoded, { kind: 'event' }>;

/** A schema that is compiled in. */
interface OwnSchema {
  readonly eventType: string;
  readonly type: Type;
  /** The fields of its data that have one. */
  readonly defaults: ReadonlyMap<string, unknown>;
}

/** How the events of one of the registry's schemas are read as ours. */
interface Writer {
  readonly own: OwnSchema;
  readonly resolver: ReturnType<Type['createResolver']>;
}

/**
 * Encodes and decodes events against the schemas compiled into the process. The registry's library asks the registry and
 * keeps what it said; bodies are read here, because the library compiles the reader's schema anew for every record.
 */
export function createEventCodec(options: {
  registryUrl: string;
  schemas: readonly AvroSchema[];
  logger: Logger;
  /** A schema may be registered after its first record arrives; after that long it is taken for missing. */
  missingSchemaPatienceMs?: number;
}): EventCodec {
  const { missingSchemaPatienceMs = 30_000 } = options;
  const openRegistry = (): SchemaRegistry =>
    new SchemaRegistry({
      host: options.registryUrl,
      retry: { retries: 1, initialRetryTimeInSecs: 0.1, maxRetryTimeInSecs: 1 },
    });
  let registry = openRegistry();
  const own = options.schemas.map((schema) => {
    const type = avroTypeOf(schema.text);
    return { ...schema, type, eventType: eventTypeOf(schema.subject), defaults: defaultsOfData(type) };
  });
  const idByEventType = new Map<string, { id: number; type: Type }>();
  const writers = new Map<number, Writer | Unreadable>();
  const missingSince = new Map<number, number>();

  const lookUpIds = async (): Promise<void> => {
    for (const schema of own) {
      const { subject, text, type, eventType } = schema;
      const id = await inTime(registry.getRegistryIdBySchema(subject, { type: 'AVRO' as never, schema: text }));
      idByEventType.set(eventType, { id, type });
      writers.set(id, writerOf(schema, type));
    }
  };

  const findWriter = async (id: number, writtenAtMs: number): Promise<Writer | Unreadable> => {
    const known = writers.get(id);
    if (known !== undefined) return known;
    try {
      const writer = toWriter(JSON.stringify(await inTime(registry.getSchema(id))));
      writers.set(id, writer);
      return writer;
    } catch (error) {
      if (isUnsupported(error))
        return { kind: 'undecodable', why: `schema ${id} is none of Avro: ${messageOf(error)}` };
      if (!isNotFound(error)) {
        // The library keeps a request that was never answered, and would wait for it again.
        registry = openRegistry();
        throw error;
      }
      // Counted from the record's own time, so that many unknown ids in a row are waited for once and not one by one. The
      // time is its producer's, which may be wrong: nothing is waited for longer than since it was first seen.
      const seenAtMs = missingSince.get(id) ?? Date.now();
      if (missingSince.size >= missingIdsMax) missingSince.clear();
      missingSince.set(id, seenAtMs);
      if (Date.now() - Math.min(seenAtMs, writtenAtMs) >= missingSchemaPatienceMs)
        return { kind: 'undecodable', why: `schema ${id} is not in the registry` };
      throw new RegistryUnavailableError(`schema ${id} is not in the registry yet`, { cause: error });
    }
  };

  const toWriter = (schemaText: string): Writer | Unreadable => {
    try {
      const written = avroTypeOf(schemaText);
      const schema = own.find(({ subject }) => subject === written.name);
      return schema ? writerOf(schema, written) : { kind: 'skipped', why: 'unknown event type' };
    } catch (error) {
      return { kind: 'undecodable', why: `its schema cannot be read as ours: ${messageOf(error)}` };
    }
  };

  return {
    async start(signal) {
      await keepTrying(lookUpIds, signal, (error, attempt) =>
        options.logger.warn(
          { err: error, attempt },
          'waiting for the schema registry to have this version of the schemas',
        ),
      );
    },
    encode(envelope) {
      const schema = idByEventType.get(envelope.event_type);
      if (schema === undefined) throw new TypeError(`no schema for ${envelope.event_type}`);
      const body = schema.type.toBuffer(envelope);
      const bytes = Buffer.allocUnsafe(headerBytes + body.length);
      bytes[0] = 0;
      bytes.writeInt32BE(schema.id, 1);
      body.copy(bytes, headerBytes);
      return bytes;
    },
    async decode(value, writtenAtMs = Date.now()) {
      if (value === null) return { kind: 'skipped', why: 'tombstone' };
      if (value.length <= headerBytes || value[0] !== 0)
        return { kind: 'undecodable', why: 'not in Confluent wire format' };
      const id = value.readInt32BE(1);
      const writer = await findWriter(id, writtenAtMs);
      if ('kind' in writer) return writer;
      try {
        const envelope = writer.own.type.fromBuffer(value.subarray(headerBytes), writer.resolver) as Envelope;
        return own.some(({ eventType }) => eventType === envelope.event_type)
          ? { kind: 'event', envelope, dataHash: hashData(envelope, writer.own.defaults) }
          : { kind: 'skipped', why: 'unknown event type' };
      } catch (error) {
        return { kind: 'undecodable', why: `not as schema ${id} says: ${messageOf(error)}` };
      }
    },
  };
}

const writerOf = (own: OwnSchema, written: Type): Writer => ({ own, resolver: own.type.createResolver(written) });

/** The record name of the full name: the event types of one process differ in it. */
function eventTypeOf(subject: string): string {
  return subject.slice(subject.lastIndexOf('.') + 1);
}

/** The library waits for ever on a registry that accepts a connection and says nothing. */
async function inTime<Answer>(asking: Promise<Answer>): Promise<Answer> {
  const timeout = new AbortController();
  const tooLate = sleep(registryTimeoutMs, timeout.signal).then(() => {
    throw new RegistryUnavailableError('the schema registry did not answer in time');
  });
  tooLate.catch(() => {});
  try {
    return await Promise.race([asking, tooLate]);
  } catch (error) {
    if (isNotFound(error) || isUnsupported(error) || error instanceof RegistryUnavailableError) throw error;
    throw new RegistryUnavailableError('the schema registry gave no answer', { cause: error });
  } finally {
    timeout.abort();
  }
}

/** The registry says that it has no such schema. A proxy before it says 404, too, but nothing that the library can quote. */
function isNotFound(error: unknown): boolean {
  return (
    error instanceof Error && 'status' in error && error.status === 404 && !error.message.includes('Error, status 404')
  );
}

/** The registry answered, with a schema that the library cannot use. */
function isUnsupported(error: unknown): boolean {
  return error instanceof Error && error.name.startsWith('ConfluentSchemaRegistry');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
