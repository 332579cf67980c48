import { fileURLToPath } from 'node:url';
import { DBOSClient } from '@dbos-inc/dbos-sdk';
import pg from 'pg';
import { insertOrder, run, settings } from '../shop.mjs';

let client;
const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: settings.callers });
await run({
  worker: fileURLToPath(new URL('worker.mjs', import.meta.url)),
  create: async (order, isToldTwice) => {
    // The workers have made the schema by now.
    client ??= DBOSClient.create({ systemDatabaseUrl: settings.databaseUrl });
    const dbos = await client;
    const session = await pool.connect();
    try {
      await session.query('begin');
      const { rows } = await session.query({ name: 'create', text: insertOrder, values: order });
      for (const { id, user_id, amount } of rows) {
        const options = { workflowName: 'pay', queueName: 'pay' };
        await dbos.enqueueInTransaction(session, { ...options, workflowID: id }, [id, user_id, amount]);
        if (isToldTwice) await dbos.enqueueInTransaction(session, options, [id, user_id, amount]);
      }
      await session.query('commit');
    } finally {
      session.release();
    }
  },
});
