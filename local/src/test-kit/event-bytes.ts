// Events written by hand, so that a test can write what no encoder of ours would, and shares no mistake with it.
// https://avro.apache.org/docs/1.11.1/specification/#binary-encoding

export interface RawEvent {
  readonly event_id: string;
  readonly event_type: string;
  readonly occurred_at: number | bigint;
  /** The fields of `data` in the schema's order. */
  readonly data: ReadonlyArray<string | bigint>;
}

/** Confluent's wire format: a zero byte, the schema's id, and the Avro body. */
export function eventBytes(schemaId: number, event: RawEvent): Buffer {
  const header = Buffer.alloc(5);
  header.writeInt32BE(schemaId, 1);
  const fields = [event.event_id, event.event_type, BigInt(event.occurred_at), ...event.data];
  return Buffer.concat([header, ...fields.map((field) => (typeof field === 'string' ? text(field) : long(field)))]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([long(BigInt(bytes.length)), bytes]);
}

/** Zigzag, then seven bits a byte, the lowest first. */
function long(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}
