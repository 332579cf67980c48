import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from '@order-payments/platform/db/pool.ts';
import { processRecords } from '@order-payments/platform/kafka/process-records.ts';
import {
  count,
  newOrder,
  openPaymentsDatabase,
  recordOf,
  type PaymentsDatabase,
} from '../../services/payments/test/payments-database.ts';

let payments: PaymentsDatabase;
beforeAll(async () => {
  payments = await openPaymentsDatabase();
});
afterAll(async () => {
  await payments.end();
});

// Every class that PostgreSQL has, with a code of it. https://www.postgresql.org/docs/current/errcodes-appendix.html
const fates = {
  'a dead letter': ['22003', '22P02', '22021', '23502', '23503', '23505', '23514', '23P01'],
  'tried again': ['08006', '40001', '40P01', '53100', '53300', '55P03', '57014', '57P01', '58030', '25006', '25P03'],
  'the end of the process': [
    ...['03000', '09000', '0A000', '0F000', '0L000', '0P000', '20000', '21000', '24000', '25P02', '26000', '27000'],
    ...['28000', '2B000', '2D000', '2F000', '34000', '38000', '39000', '3B000', '3D000', '3F000', '42601', '42501'],
    ...['42P01', '42703', '44000', '54000', 'F0000', 'HV000', 'P0001', 'XX000', 'XX001'],
  ],
} as const;

/** The service's code comes upon this SQLSTATE, from the database itself and through the real driver. */
const raise = (code: string) => sql.unsafe`
  select set_config('models.code', ${code}, true), raise_it()`;

describe('an error of the database while a record is applied', () => {
  beforeAll(async () => {
    await payments.owner.query(sql.unsafe`
      create function raise_it() returns void language plpgsql as $$
      begin raise exception 'planted' using errcode = current_setting('models.code'); end $$`);
  });

  test.each(Object.entries(fates).flatMap(([fate, codes]) => codes.map((code) => ({ fate, code }))))(
    'with SQLSTATE $code makes $fate',
    async ({ fate, code }) => {
      const before = { dead: await count(payments, 'dead_letters'), inbox: await count(payments, 'inbox') };
      const user = await payments.openAccount(10n);
      const records = [recordOf(payments, newOrder(user, 1n)), recordOf(payments, newOrder(user, 2n))];
      const processing = processRecords(
        {
          codec: payments.codec,
          database: payments.database,
          apply: async (transaction, events) => {
            await transaction.query(raise(code));
            return events.map((event) => ({ event, why: 'unreached' }));
          },
        },
        records,
      );
      const letters = fate === 'a dead letter' ? records.length : 0;
      if (letters > 0) expect(await processing).toMatchObject({ dead: letters, applied: 0 });
      else await expect(processing).rejects.toThrow();
      expect(await count(payments, 'dead_letters')).toBe(before.dead + letters);
      // Neither a dead letter nor what is tried again may look like a duplicate later.
      expect(await count(payments, 'inbox')).toBe(before.inbox);
    },
  );
});
