import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { avroTypeOf } from './avro-type.ts';

const type = avroTypeOf(
  JSON.stringify({
    type: 'record',
    name: 'Pair',
    fields: [
      { name: 'count', type: 'long' },
      { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    ],
  }),
);
const encode = (count: unknown, at: unknown): Buffer => type.toBuffer({ count, at });
const read = (bytes: Buffer): unknown => JSON.parse(JSON.stringify(type.fromBuffer(bytes)));

test('every integer that a double holds exactly survives', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), (count, at) => {
      expect(read(encode(count, at))).toEqual({ count, at });
    }),
  );
  for (const count of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0, -1])
    expect(read(encode(count, count))).toEqual({ count, at: count });
});

test('2^53 - 1 has the bytes that the Avro specification gives it', () => {
  expect(encode(2 ** 53 - 1, 0).toString('hex')).toBe('feffffffffffff1f00');
});

test.each([2 ** 53, -(2 ** 53), 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5', 5n, null, undefined, true])(
  '%p is not encoded',
  (count) => {
    expect(() => encode(count, 0)).toThrow();
    expect(() => encode(0, count)).toThrow();
  },
);

test.each(['808080808080802000', 'feffffffffffffffff0100', 'ffffffffffffffffff0100'])(
  'a long beyond 2^53 - 1 (%s) is refused and not rounded',
  (hex) => {
    expect(() => read(Buffer.from(hex, 'hex'))).toThrow('beyond 2^53 - 1');
  },
);

test('a truncated body is refused', () => {
  const whole = encode(2 ** 53 - 1, 1_766_361_600_123);
  for (let length = 0; length < whole.length; length += 1) expect(() => read(whole.subarray(0, length))).toThrow();
});

test('a field that a later version added is left out, and one that it dropped gets its default', () => {
  const later = avroTypeOf(
    JSON.stringify({
      type: 'record',
      name: 'Pair',
      fields: [
        { name: 'count', type: 'long' },
        { name: 'note', type: 'string', default: '' },
      ],
    }),
  );
  const reader = avroTypeOf(
    JSON.stringify({
      type: 'record',
      name: 'Pair',
      fields: [
        { name: 'count', type: 'long' },
        { name: 'at', type: 'long', default: 7 },
      ],
    }),
  );
  const bytes = later.toBuffer({ count: Number.MAX_SAFE_INTEGER, note: 'new' });
  const seen: unknown = JSON.parse(JSON.stringify(reader.fromBuffer(bytes, reader.createResolver(later))));
  expect(seen).toEqual({ count: Number.MAX_SAFE_INTEGER, at: 7 });
});
