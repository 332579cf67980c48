import type { Database } from '@order-payments/platform/db/pool.ts';
import { oldestOutboxAgeSeconds } from '@order-payments/platform/outbox/outbox.ts';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export type PaymentsMetrics = ReturnType<typeof createPaymentsMetrics>;

export function createPaymentsMetrics(registry: Registry, database: Database) {
  const registers = [registry];
  new Gauge({
    name: 'outbox_oldest_row_age_seconds',
    help: 'Age of the oldest event that waits to be published; 0 where none does',
    registers,
    async collect() {
      // Whoever scrapes while the database is away learns the rest; a stale age would look like news.
      const age = await oldestOutboxAgeSeconds(database).catch(() => Number.NaN);
      this.set(age);
    },
  });
  return {
    settled: new Counter({
      name: 'payments_settled_total',
      help: 'Orders that were decided',
      labelNames: ['status', 'reason'],
      registers,
    }),
    settleSize: new Histogram({
      name: 'payments_settle_orders',
      help: 'Orders that were settled in one transaction',
      buckets: [1, 2, 5, 10, 20, 50, 100, 200, 300, 500],
      registers,
    }),
    settleDuration: new Histogram({
      name: 'payments_settle_seconds',
      help: 'Time from locking the accounts to the statement that wrote the decisions',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
      registers,
    }),
    topUps: new Counter({
      name: 'payments_top_ups_total',
      help: 'Top-ups that were answered with their transaction',
      registers,
    }),
  };
}
