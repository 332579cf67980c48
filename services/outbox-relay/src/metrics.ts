import { oldestOutboxAgeSeconds } from '@order-payments/platform/outbox/outbox.ts';
import type { Database } from '@order-payments/platform/db/pool.ts';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface RelayMetrics {
  readonly published: Counter;
  readonly publishSeconds: Histogram;
}

export function createRelayMetrics(
  registry: Registry,
  state: { database: Database; isLeader: () => boolean },
): RelayMetrics {
  const registers = [registry];
  new Gauge({
    name: 'outbox_relay_leader',
    help: '1 while this process leads, 0 while it stands by',
    registers,
    collect() {
      this.set(state.isLeader() ? 1 : 0);
    },
  });
  new Gauge({
    name: 'outbox_oldest_row_age_seconds',
    help: 'How long the oldest outbox row has waited; NaN while the database does not answer',
    registers,
    async collect() {
      this.set(await oldestOutboxAgeSeconds(state.database).catch(() => Number.NaN));
    },
  });
  return {
    published: new Counter({ name: 'outbox_published_total', help: 'Events that Kafka acknowledged', registers }),
    publishSeconds: new Histogram({
      name: 'outbox_publish_seconds',
      help: 'Time from sending a batch to its acknowledgement',
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
      registers,
    }),
  };
}
