import avro, { type Schema, type Type, type types } from 'avsc';

/**
 * Every integer that a double holds exactly. The one that avsc brings refuses 2^53 - 1, although it is exact,
 * and such numbers are sent. Larger ones are refused here, too, and never rounded.
 */
const exactLong = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer): number => {
    const value = Number(bytes.readBigInt64LE());
    if (!Number.isSafeInteger(value)) throw new RangeError('a long is beyond 2^53 - 1');
    return value;
  },
  toBuffer: (value: number): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    return bytes;
  },
  isValid: (value: unknown): boolean => Number.isSafeInteger(value),
  fromJSON: (value: number): number => value,
  toJSON: (value: number): number => value,
  compare: (a: number, b: number): number => Math.sign(a - b),
});

/** The reader and writer of an Avro schema. Throws for what is no schema. */
export function avroTypeOf(schemaText: string): Type {
  // A hook and not avsc's registry of names: that one misses a long with a logical type.
  return avro.Type.forSchema(JSON.parse(schemaText) as Schema, {
    typeHook: (schema: unknown) => (isLong(schema) ? exactLong : undefined),
  });
}

/** The fields of an event's data that have a default, with it. */
export function defaultsOfData(event: Type): ReadonlyMap<string, unknown> {
  const { fields } = (event as types.RecordType).field('data').type as types.RecordType;
  return new Map(
    fields.map((field) => [field.name, field.defaultValue()] as const).filter(([, value]) => value !== undefined),
  );
}

function isLong(schema: unknown): boolean {
  return (
    schema === 'long' || (typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'long')
  );
}
