import { Counter, type Registry } from 'prom-client';
import type { FragmentSqlToken } from 'slonik';
import { z } from 'zod';
import { sleep } from '../backoff.ts';
import { sql, type Database } from '../db/pool.ts';
import { errorKind } from '../db/sql-state.ts';
import type { Logger } from '../logger.ts';
import type { Stoppable } from '../metrics.ts';

// A statement reads a mebibyte and deletes 6,000 rows at most, which takes 20 to 80 ms; then everybody else has a turn.
const pagesAtATime = 128;
const pauseMs = 50;

/** How long each table remembers, and how often it is looked through. */
export interface RetentionSettings {
  readonly inboxHours: number;
  readonly deadLetterHours: number;
  readonly intervalMs: number;
}

interface Dependencies {
  readonly database: Database;
  readonly pruned: Counter<'table'>;
}

const keptTables = {
  // Harmless to forget: what was decided is in the service's own tables, so an event that comes again changes nothing.
  inbox: { hours: 'inboxHours', timeColumn: 'received_at', condition: sql.fragment`true` },
  // A letter that waits for an operator is never pruned.
  dead_letters: { hours: 'deadLetterHours', timeColumn: 'updated_at', condition: sql.fragment`state <> 'DEAD'` },
} as const;

type TableName = keyof typeof keptTables;

/** Prunes at once where it is due, and then in every interval, until it is stopped. All replicas run it and one at a time prunes. */
export function startRetention(
  options: RetentionSettings & {
    database: Database;
    logger: Logger;
    registry: Registry;
    onFatal: (why: Error) => void;
  },
): Stoppable {
  const { database, logger, intervalMs, onFatal } = options;
  const stopping = new AbortController();
  const pruned = createPrunedCounter(options.registry);
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await prune({ database, pruned }, options, stopping.signal);
      } catch (error) {
        if (errorKind(error) === 'transient') logger.warn({ err: error }, 'cannot prune now, trying again');
        else onFatal(new Error('pruning failed', { cause: error }));
      }
      await sleep(intervalMs, stopping.signal);
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

export function createPrunedCounter(registry: Registry): Counter<'table'> {
  return new Counter({
    name: 'retention_pruned_rows_total',
    help: 'Rows that were deleted because they were older than their table remembers',
    labelNames: ['table'],
    registers: [registry],
  });
}

/** One pass over each table whose pass is due and that no other process has begun. */
export async function prune(
  dependencies: Dependencies,
  settings: RetentionSettings,
  signal: AbortSignal,
): Promise<void> {
  for (const table of Object.keys(keptTables) as TableName[]) {
    const forgottenBefore = await beginPass(dependencies.database, table, settings);
    if (forgottenBefore !== null) await pass(dependencies, { table, forgottenBefore }, signal);
  }
}

/**
 * The time before which the table forgets, or null where its pass is not due: the row of the table is taken by one process
 * in an interval, without a session of its own as an advisory lock would need. A pass that breaks off is made up for by the next.
 */
async function beginPass(database: Database, table: TableName, settings: RetentionSettings): Promise<string | null> {
  return await database.maybeOneFirst(sql.type(z.object({ forgotten_before: z.string() }))`
    insert into retention (table_name, forgotten_before, started_at)
    values (${table}, now() - make_interval(hours => ${settings[keptTables[table].hours]}), now())
    on conflict (table_name) do update
    set forgotten_before = greatest(retention.forgotten_before, excluded.forgotten_before), started_at = excluded.started_at
    where retention.started_at <= now() - make_interval(secs => ${settings.intervalMs / 1000})
    returning forgotten_before::text`);
}

/** Walks through the table in its order on disk. Rows that are written meanwhile are young, wherever they are put. */
async function pass(
  { database, pruned }: Dependencies,
  { table, forgottenBefore }: { table: TableName; forgottenBefore: string },
  signal: AbortSignal,
): Promise<void> {
  const { timeColumn, condition } = keptTables[table];
  const isOld = sql.fragment`${condition} and ${sql.identifier([timeColumn])} < ${forgottenBefore}::timestamptz`;
  const pages = await database.oneFirst(sql.type(z.object({ pages: z.bigint() }))`
    select pg_relation_size(${table}) / current_setting('block_size')::int8 as pages`);
  for (let page = 0n; page < pages && !signal.aborted; page += BigInt(pagesAtATime)) {
    const rows = await deleteBetween(database, table, { fromPage: page, condition: isOld });
    pruned.inc({ table }, rows);
    await sleep(pauseMs, signal);
  }
}

async function deleteBetween(
  database: Database,
  table: TableName,
  { fromPage, condition }: { fromPage: bigint; condition: FragmentSqlToken },
): Promise<number> {
  const toPage = fromPage + BigInt(pagesAtATime);
  const { rowCount } = await database.query(sql.unsafe`
    delete from ${sql.identifier([table])}
    where ctid >= ${`(${fromPage},0)`}::tid and ctid < ${`(${toPage},0)`}::tid and ${condition}`);
  return rowCount;
}
