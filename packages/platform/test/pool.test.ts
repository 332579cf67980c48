import { afterEach, describe, expect, test } from '@jest/globals';
import { createDatabase } from '@order-payments/local/test-kit/infrastructure.ts';
import { openLossyLink } from '@order-payments/local/test-kit/lossy-link.ts';
import { z } from 'zod';
import { createPool, sql } from '../src/db/pool.ts';
import { asynchronousCommits, withSessionSettings } from '../src/db/session-settings.ts';
import { errorKind } from '../src/db/sql-state.ts';

const undo: Array<() => Promise<unknown>> = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const answerRow = z.object({ answer: z.bigint() });

describe('the pool', () => {
  test('gives up a session that fell silent, and the next statement has another', async () => {
    const database = await createDatabase('payments');
    undo.push(() => database.drop());
    const link = await openLossyLink(database.port);
    undo.push(() => link.close());
    const url = database.urls.service.replace(`:${database.port}/`, `:${link.port}/`);
    const pool = await createPool({ url, applicationName: 'test', size: 2, statementTimeoutMs: 500 });
    undo.push(() => pool.end());
    const ask = sql.type(answerRow)`select 1::int8 as answer`;
    const within = pool.transaction(async (transaction) => {
      await transaction.one(ask);
      link.silenceOpenConnections();
      return await transaction.one(ask);
    });
    expect(errorKind(await within.catch((error: unknown) => error))).toBe('transient');
    expect(await pool.one(ask)).toEqual({ answer: 1n });
  }, 60_000);

  test.each(['breaks', 'falls silent'])(
    'waits when its very first session %s',
    async (trouble) => {
      const database = await createDatabase('payments');
      undo.push(() => database.drop());
      const link = await openLossyLink(database.port);
      undo.push(() => link.close());
      const url = database.urls.service.replace(`:${database.port}/`, `:${link.port}/`);
      if (trouble === 'breaks') link.loseAnswersTo('pg_type');
      else link.swallowAnswersTo('pg_type');
      const pool = await createPool({ url, applicationName: 'test', size: 2, statementTimeoutMs: 500 });
      undo.push(() => pool.end());
      expect(link.lost()).toBe(1);
      expect(await pool.one(sql.type(answerRow)`select 1::int8 as answer`)).toEqual({ answer: 1n });
    },
    60_000,
  );

  test.each([
    { named: 'none', urlFor: (url: string) => url, setting: 'on' },
    { named: 'off', urlFor: (url: string) => withSessionSettings(url, asynchronousCommits), setting: 'off' },
    {
      named: 'off, and local by the URL',
      urlFor: (url: string) => withSessionSettings(`${url}?options=-c synchronous_commit=local`, asynchronousCommits),
      setting: 'local',
    },
  ])('commits with synchronous_commit $setting where $named is asked for', async ({ urlFor, setting }) => {
    const database = await createDatabase('payments');
    undo.push(() => database.drop());
    const pool = await createPool({ url: urlFor(database.urls.service), applicationName: 'test', size: 1 });
    undo.push(() => pool.end());
    const settingRow = z.object({ setting: z.string() });
    const { setting: found } = await pool.one(
      sql.type(settingRow)`select current_setting('synchronous_commit') as setting`,
    );
    expect(found).toBe(setting);
  });

  test('checks every row against the schema of its query', async () => {
    const database = await createDatabase('payments');
    undo.push(() => database.drop());
    const pool = await createPool({ url: database.urls.service, applicationName: 'test', size: 1 });
    undo.push(() => pool.end());
    await expect(pool.one(sql.type(answerRow)`select 'text' as answer`)).rejects.toThrow();
  });
});
