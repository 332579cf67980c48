import { expect, test } from '@jest/globals';
import { experimentsNamed } from './experiments.ts';

const goalsOf = (...wanted: string[]): Array<string | undefined> =>
  experimentsNamed(wanted).flatMap(({ goals }) => goals.map(({ floor }) => floor));

test('one peer is measured beside ours alone', () => {
  expect(goalsOf('pg-boss')).toEqual(['pg-boss']);
  expect(goalsOf('debezium')).toEqual(['debezium']);
});

test('a goal names all of its peers, once', () => {
  expect(goalsOf('P8')).toEqual(['graphile-worker', 'pg-boss', 'dbos']);
  expect(goalsOf('relays')).toEqual(['delete-in-transaction', 'pg-transactional-outbox', 'debezium']);
});

test('what has no name is nothing', () => {
  expect(experimentsNamed(['P14'])).toEqual([]);
});
