import { DBOS } from '@dbos-inc/dbos-sdk';
import pg from 'pg';
import { createReporter, payOrder, settings } from '../shop.mjs';

const report = createReporter();
const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: Math.max(8, 16 / settings.workers) });
const pay = DBOS.registerWorkflow(
  async (order) => {
    const rowCount = await DBOS.runStep(async () => (await pool.query({ ...payOrder, values: order })).rowCount, {
      name: 'pay',
    });
    report(rowCount);
  },
  { name: 'pay' },
);
void pay;
DBOS.setConfig({
  name: 'pay-orders',
  systemDatabaseUrl: settings.databaseUrl,
  systemDatabasePoolSize: Math.max(10, 30 / settings.workers),
  logLevel: 'error',
});
await DBOS.launch();
await DBOS.registerQueue('pay', { workerConcurrency: 200, minPollingIntervalMs: 50 });
process.send({ ready: true });
