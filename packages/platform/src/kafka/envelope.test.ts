import { expect, test } from '@jest/globals';
import { hashData } from './envelope.ts';

const envelope = (data: Record<string, unknown>) => ({
  event_id: 'e',
  event_type: 'OrderCreated',
  occurred_at: 1,
  data,
});

test('the hash is of the data and its type, whatever the order of the members and whatever else the envelope says', () => {
  const told = { order_id: 'o', amount: 9_007_199_254_740_991n, nested: { b: [1, 'ü"\\', null], a: true } };
  const again = { nested: { a: true, b: [1, 'ü"\\', null] }, amount: 9_007_199_254_740_991n, order_id: 'o' };
  const hash = hashData(envelope(told));
  // Inboxes hold it: another hash for the same data would make dead letters of what is told again.
  expect(hash).toBe('17cc9ad42437e1e4016af78c63900e01839db1d61d32cb7266c232183cdc80bd');
  expect(hashData({ ...envelope(again), event_id: 'f', occurred_at: 2 })).toBe(hash);
  expect(hashData({ ...envelope(told), event_type: 'Other' })).not.toBe(hash);
  expect(hashData(envelope({ ...told, amount: 1 }))).not.toBe(hash);
});
