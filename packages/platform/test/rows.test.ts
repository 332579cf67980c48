import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDatabase, type TestDatabase } from '@order-payments/local/test-kit/infrastructure.ts';
import { createPool, sql, type Database } from '@order-payments/platform/db/pool.ts';
import { rowsAs } from '@order-payments/platform/db/rows.ts';
import { z } from 'zod';

let opened: TestDatabase;
let database: Database;
beforeAll(async () => {
  opened = await createDatabase('orders');
  database = await createPool({ url: opened.urls.service, applicationName: 'rows-test', size: 2 });
});
afterAll(async () => {
  await database.end();
  await opened.drop();
});

const columns = {
  id: ['uuid', (row: Row) => row.id],
  count: ['int4', (row: Row) => row.count],
  amount: ['int8', (row: Row) => row.amount],
  text: ['text', (row: Row) => row.text],
  at: ['timestamptz', (row: Row) => row.at],
  bytes: ['bytea', (row: Row) => row.bytes],
} as const;
const rowSchema = z.object({
  id: z.string().nullable(),
  count: z.number().nullable(),
  amount: z.bigint().nullable(),
  text: z.string().nullable(),
  at: z.date().nullable(),
  bytes: z.instanceof(Buffer).nullable(),
});
type Row = z.output<typeof rowSchema>;

const readBack = async (rows: readonly Row[]): Promise<readonly Row[]> =>
  await database.any(sql.type(rowSchema)`select * from ${rowsAs('row', rows, columns)}`);

test('rows come back as they were, in their order', async () => {
  const texts = ['', 'NULL', 'null', '{}', '","', '\\', '\\"', '"', "'", ' a ', 'two\nlines', '\\N', '}{', 'é 🖋', '$1'];
  const rows = texts.map((text, n) => ({
    id: `00000000-0000-4000-8000-00000000000${n.toString(16)}`,
    count: n - 3,
    amount: 9_007_199_254_740_991n - BigInt(n),
    text,
    at: new Date(Date.UTC(2026, 0, 1, 0, 0, n, n)),
    bytes: Buffer.from([n, 0, 255, 92, 34]),
  }));
  expect(await readBack(rows)).toEqual(rows);
});

test('null is null in every type, and no rows are no rows', async () => {
  const nothing = { id: null, count: null, amount: null, text: null, at: null, bytes: null };
  expect(await readBack([nothing, nothing])).toEqual([nothing, nothing]);
  expect(await readBack([])).toEqual([]);
});

test('a value that is not of its type is an error of the data, and never another element', async () => {
  await expect(readBack([{ id: '","', count: 1, amount: 1n, text: '', at: null, bytes: null }])).rejects.toThrow();
});
