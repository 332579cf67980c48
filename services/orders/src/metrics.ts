import type { Database } from '@order-payments/platform/db/pool.ts';
import { oldestOutboxAgeSeconds } from '@order-payments/platform/outbox/outbox.ts';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { lowestOrderIdAt } from './domain/order.ts';
import { oldestNewAgeSeconds } from './store/sweep.ts';

export type OrdersMetrics = ReturnType<typeof createOrdersMetrics>;

export function createOrdersMetrics(registry: Registry) {
  const registers = [registry];
  return {
    created: new Counter({ name: 'orders_created_total', help: 'Orders that were written', registers }),
    settled: new Counter({
      name: 'orders_settled_total',
      help: 'Orders that became terminal',
      labelNames: ['status'],
      registers,
    }),
    settleLatency: new Histogram({
      name: 'orders_settle_latency_seconds',
      help: 'Time from an order being asked for to its terminal state being committed',
      buckets: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300],
      registers,
    }),
    ingestSize: new Histogram({
      name: 'orders_ingest_batch_orders',
      help: 'Calls that shared a statement',
      buckets: [1, 2, 5, 10, 20, 50, 100, 150, 200],
      registers,
    }),
    ingestDuration: new Histogram({
      name: 'orders_ingest_batch_seconds',
      help: 'Time from taking a batch to answering its calls',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
      registers,
    }),
    ingestRetries: new Counter({
      name: 'orders_ingest_retries_total',
      help: 'Batches that were written again after trouble of the database',
      registers,
    }),
    sweepFound: new Counter({
      name: 'orders_sweep_found_total',
      help: 'Orders that stayed NEW for too long and are watched by the sweeper',
      registers,
    }),
    swept: new Counter({
      name: 'orders_swept_total',
      help: 'Looks of the sweeper at an order, by what came of it',
      labelNames: ['result'],
      registers,
    }),
  };
}

/** Gauges that are read when someone asks for the metrics; NaN while the database does not answer, as a stale age would look like news. */
export function createOrdersGauges(
  registry: Registry,
  sources: { database: Database; overdueMs: number; queueLength: () => number },
): void {
  const { database, overdueMs } = sources;
  const registers = [registry];
  new Gauge({
    name: 'orders_ingest_queue_length',
    help: 'Calls that wait for their batch',
    registers,
    collect() {
      this.set(sources.queueLength());
    },
  });
  new Gauge({
    name: 'orders_oldest_new_age_seconds',
    help: 'Age of the oldest order that is not settled; 0 where all are',
    registers,
    async collect() {
      // Older ones are watched by the sweeper and counted there; a minute is for its interval and for clocks that differ.
      const youngAboveId = lowestOrderIdAt(new Date(Date.now() - overdueMs - 60_000));
      this.set(await oldestNewAgeSeconds(database, youngAboveId).catch(() => Number.NaN));
    },
  });
  new Gauge({
    name: 'outbox_oldest_row_age_seconds',
    help: 'Age of the oldest event that waits to be published; 0 where none does',
    registers,
    async collect() {
      this.set(await oldestOutboxAgeSeconds(database).catch(() => Number.NaN));
    },
  });
}
