import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { PgBoss } from 'pg-boss';
import { insertOrder, run, settings } from '../shop.mjs';

const boss = new PgBoss({ connectionString: settings.databaseUrl, max: 4 });
boss.on('error', (error) => console.error(error));
await boss.start();
// A table of its own, which its documentation advises for a large queue.
await boss.createQueue('pay', { partition: true });
const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: settings.callers });
await run({
  worker: fileURLToPath(new URL('worker.mjs', import.meta.url)),
  create: async (order, isToldTwice) => {
    const client = await pool.connect();
    try {
      await client.query('begin');
      const { rows } = await client.query({ name: 'create', text: insertOrder, values: order });
      const db = { executeSql: (text, values) => client.query(text, values) };
      for (const { id, user_id, amount } of isToldTwice ? [...rows, ...rows] : rows)
        await boss.send('pay', { order: [id, user_id, amount] }, { db });
      await client.query('commit');
    } finally {
      client.release();
    }
  },
});
