import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createDatabase, type TestDatabase } from '@order-payments/local/test-kit/infrastructure.ts';
import { eventually } from '@order-payments/local/test-kit/eventually.ts';
import { z } from 'zod';
import { createPool, sql, type Database } from '../src/db/pool.ts';
import { createPrunedCounter, prune, startRetention, type RetentionSettings } from '../src/inbox/retention.ts';
import { createLogger } from '../src/logger.ts';
import { createMetrics } from '../src/metrics.ts';

let testDatabase: TestDatabase;
/** As a service sees it: what it may not do, the pruning cannot do either. */
let database: Database;
let owner: Database;

beforeEach(async () => {
  testDatabase = await createDatabase('payments');
  database = await createPool({ url: testDatabase.urls.service, applicationName: 'test', size: 3 });
  owner = await createPool({ url: testDatabase.urls.superuser, applicationName: 'test', size: 2 });
});
afterEach(async () => {
  await database.end();
  await owner.end();
  await testDatabase.drop();
});

const soon = { timeoutMs: 10_000 };
const settings: RetentionSettings = { inboxHours: 24, deadLetterHours: 48, intervalMs: 3_600_000 };

function createPruning(change: Partial<RetentionSettings> = {}) {
  const registry = createMetrics();
  const pruned = createPrunedCounter(registry);
  return {
    run: async (signal = new AbortController().signal) =>
      await prune({ database, pruned }, { ...settings, ...change }, signal),
    pruned: async (table: string) =>
      (await pruned.get()).values.find(({ labels }) => labels.table === table)?.value ?? 0,
  };
}

async function receivedHoursAgo(hours: number, rows: number): Promise<void> {
  await owner.query(sql.unsafe`
    insert into inbox (event_id, topic, partition, record_offset, data_hash, received_at)
    select gen_random_uuid(), 't', 0, n, '\\x00', now() - make_interval(hours => ${hours}) from generate_series(1, ${rows}) n`);
}

const hoursIn = async (table: 'inbox' | 'dead_letters', column: string) =>
  await owner.anyFirst(
    sql.type(z.object({ hours: z.number() }))`
      select distinct round(extract(epoch from now() - ${sql.identifier([column])}) / 3600)::int as hours
      from ${sql.identifier([table])} order by 1`,
  );

test('the inbox forgets what is older than its time and nothing else, however many pages it has', async () => {
  // Young rows before and behind the old ones; 20,000 rows are some 340 pages.
  await receivedHoursAgo(1, 5_000);
  await receivedHoursAgo(25, 10_000);
  await receivedHoursAgo(23, 5_000);
  const pruning = createPruning();
  await pruning.run();
  expect(await hoursIn('inbox', 'received_at')).toEqual([1, 23]);
  expect(await pruning.pruned('inbox')).toBe(10_000);
});

test('dead letters are forgotten after they were resolved, and never while they wait', async () => {
  const letters = [
    ['DEAD', 1_000],
    ['REDRIVEN', 49],
    ['DISCARDED', 50],
    ['REDRIVEN', 47],
    ['DISCARDED', 46],
  ] as const;
  for (const [index, [state, hours]] of letters.entries())
    await owner.query(sql.unsafe`
      insert into dead_letters (topic, partition, record_offset, headers, why, state, created_at, updated_at)
      values ('t', 0, ${index}, '{}', 'a test', ${state}, now() - interval '90 days', now() - make_interval(hours => ${hours}))`);
  const pruning = createPruning();
  await pruning.run();
  expect(await hoursIn('dead_letters', 'updated_at')).toEqual([46, 47, 1_000]);
  expect(await pruning.pruned('dead_letters')).toBe(2);
});

test('of many processes one prunes in an interval, and the next interval prunes again', async () => {
  await receivedHoursAgo(30, 500);
  const prunings = Array.from({ length: 3 }, () => createPruning({ intervalMs: 5_000 }));
  await Promise.all(prunings.map((pruning) => pruning.run()));
  const counts = await Promise.all(prunings.map((pruning) => pruning.pruned('inbox')));
  expect(counts.sort()).toEqual([0, 0, 500]);

  await receivedHoursAgo(30, 10);
  const later = createPruning({ intervalMs: 5_000 });
  await later.run();
  expect(await later.pruned('inbox')).toBe(0);
  await eventually(
    async () => {
      await later.run();
      expect(await later.pruned('inbox')).toBe(10);
    },
    { timeoutMs: 30_000 },
  );
});

test('whoever misses a row finds written how far was pruned', async () => {
  await receivedHoursAgo(30, 1);
  await createPruning().run();
  const hours = await owner.anyFirst(
    sql.type(z.object({ hours: z.number() }))`
      select round(extract(epoch from now() - forgotten_before) / 3600)::int as hours from retention order by table_name`,
  );
  expect(hours).toEqual([48, 24]);
});

test('a pass that is stopped leaves the rest to the next one', async () => {
  await receivedHoursAgo(30, 40_000);
  const stopping = new AbortController();
  const pruning = createPruning({ intervalMs: 1 });
  const running = pruning.run(stopping.signal);
  await eventually(async () => expect(await pruning.pruned('inbox')).toBeGreaterThan(0), soon);
  stopping.abort();
  await running;
  expect(await pruning.pruned('inbox')).toBeLessThan(40_000);
  await pruning.run();
  expect(await pruning.pruned('inbox')).toBe(40_000);
});

test('a service prunes from its start on and ends when it is stopped', async () => {
  await receivedHoursAgo(30, 100);
  const fatal: Error[] = [];
  const retention = startRetention({
    ...settings,
    intervalMs: 100,
    database,
    logger: createLogger({ service: 'test', level: 'silent' }),
    registry: createMetrics(),
    onFatal: (why) => fatal.push(why),
  });
  await eventually(async () => expect(await hoursIn('inbox', 'received_at')).toEqual([]), soon);
  await receivedHoursAgo(30, 100);
  await eventually(async () => expect(await hoursIn('inbox', 'received_at')).toEqual([]), soon);
  await retention.stop();
  expect(fatal).toEqual([]);
});
