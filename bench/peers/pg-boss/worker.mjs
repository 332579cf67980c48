import pg from 'pg';
import { PgBoss } from 'pg-boss';
import { createReporter, payOrder, settings } from '../shop.mjs';

const report = createReporter();
const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: Math.max(8, 24 / settings.workers) });
const boss = new PgBoss({ connectionString: settings.databaseUrl, max: 10 });
boss.on('error', (error) => console.error(error));
await boss.start();
await boss.work(
  'pay',
  { batchSize: 200, localConcurrency: 4, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true },
  async (jobs) => {
    await Promise.all(
      jobs.map(async ({ data: { order } }) => {
        const { rowCount } = await pool.query({ ...payOrder, values: order });
        report(rowCount);
      }),
    );
  },
);
process.send({ ready: true });
