import { Logger, run } from 'graphile-worker';
import { createReporter, payOrder, settings } from '../shop.mjs';

const report = createReporter();
// The values of graphile-worker's own page on performance.
await run({
  preset: {
    worker: {
      connectionString: settings.databaseUrl,
      concurrentJobs: 24,
      maxPoolSize: 25,
      localQueue: { size: 500 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
      logger: new Logger(() => () => {}),
    },
  },
  taskList: {
    pay: async ({ order }, { query }) => {
      const { rowCount } = await query({ ...payOrder, values: order });
      report(rowCount);
    },
  },
});
process.send({ ready: true });
