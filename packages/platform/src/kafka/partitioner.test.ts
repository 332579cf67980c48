import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Partitioners } from 'kafkajs';
import { createPartitioner } from './partitioner.ts';

const partitions = (count: number) =>
  Array.from({ length: count }, (_, partitionId) => ({
    partitionErrorCode: 0,
    partitionId,
    leader: 0,
    replicas: [0],
    isr: [0],
  }));

test('a key lands where kafkajs puts it', () => {
  const [ours, theirs] = [createPartitioner(), Partitioners.DefaultPartitioner()];
  const key = fc.oneof(fc.uuid(), fc.string({ unit: 'binary' }));
  fc.assert(
    fc.property(key, fc.integer({ min: 1, max: 100 }), (key, count) => {
      const record = { topic: 't', partitionMetadata: partitions(count), message: { key, value: null } };
      expect(ours(record)).toBe(theirs(record));
    }),
    { numRuns: 2_000 },
  );
});

test('a record that names its partition, or has no key, is left to kafkajs', () => {
  const choose = createPartitioner();
  const partitionMetadata = partitions(12);
  expect(choose({ topic: 't', partitionMetadata, message: { key: 'a', value: null, partition: 7 } })).toBe(7);
  const turns = Array.from({ length: 12 }, () => choose({ topic: 't', partitionMetadata, message: { value: null } }));
  expect(turns.toSorted((a, b) => a - b)).toEqual(partitionMetadata.map(({ partitionId }) => partitionId));
});
