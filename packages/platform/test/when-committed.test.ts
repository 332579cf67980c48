import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDatabase, type TestDatabase } from '@order-payments/local/test-kit/infrastructure.ts';
import { createPool, sql, type Database } from '../src/db/pool.ts';
import { whenCommitted } from '../src/db/when-committed.ts';

let testDatabase: TestDatabase;
let database: Database;
beforeAll(async () => {
  testDatabase = await createDatabase('payments');
  // One session, so that each transaction runs on the one that the transaction before was rolled back on.
  database = await createPool({ url: testDatabase.urls.service, applicationName: 'test', size: 1 });
});
afterAll(async () => {
  await database.end();
  await testDatabase.drop();
});

const raise = (sqlState: string) => sql.unsafe`do ${sql.literalValue(`begin raise sqlstate '${sqlState}'; end`)}`;

test('what a transaction did is counted after its commit', async () => {
  const counted: string[] = [];
  await database.transaction(async (transaction) => {
    whenCommitted(transaction, () => counted.push('once'));
    await transaction.query(sql.unsafe`select 1`);
    expect(counted).toEqual([]);
  });
  expect(counted).toEqual(['once']);
});

test('what was rolled back and done again is counted once', async () => {
  const counted: number[] = [];
  let attempts = 0;
  await database.transaction(async (transaction) => {
    const attempt = ++attempts;
    whenCommitted(transaction, () => counted.push(attempt));
    // A serialization failure, of which slonik runs the transaction again.
    if (attempt < 3) await transaction.query(raise('40001'));
  });
  expect(counted).toEqual([3]);
});

test('what was rolled back for good is never counted, also not by the next transaction of the session', async () => {
  const counted: string[] = [];
  const failing = database.transaction(async (transaction) => {
    whenCommitted(transaction, () => counted.push('failed'));
    await transaction.query(raise('23514'));
  });
  await expect(failing).rejects.toThrow();
  await database.transaction(async (transaction) => {
    whenCommitted(transaction, () => counted.push('next'));
    await transaction.query(sql.unsafe`select 1`);
  });
  expect(counted).toEqual(['next']);
});
