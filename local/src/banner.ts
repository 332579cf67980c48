import { databaseUrl } from './infrastructure/postgres-roles.ts';
import type { Platform } from './platform.ts';

/** Where everything is, and three lines to try. */
export function banner({ ports, logs, dataDirectories }: Platform): string {
  const gateway = `http://127.0.0.1:${ports.http}`;
  const json = "-H 'content-type: application/json'";
  const user = '018f4e9a-7c3b-7d2e-9a51-3f6f0c2b1a77';
  const metrics = [
    ports.gatewayMetrics,
    ports.ordersMetrics,
    ports.paymentsMetrics,
    ports.ordersRelayMetrics,
    ports.paymentsRelayMetrics,
  ];
  return `
Order payments runs.
  REST        ${gateway}
  Try it at   ${gateway}/docs
  Registry    http://127.0.0.1:${ports.registry}
  Kafka       127.0.0.1:${ports.kafka}
  PostgreSQL  ${databaseUrl(ports.ordersDb, 'orders', 'postgres')}
              ${databaseUrl(ports.paymentsDb, 'payments', 'postgres')}
  gRPC        127.0.0.1:${ports.ordersGrpc} (orders), 127.0.0.1:${ports.paymentsGrpc} (payments)
  Metrics     http://127.0.0.1:{${metrics.join(',')}}/metrics (gateway, orders, payments, the relays)
  Logs        ${logs}
  Data        ${dataDirectories.join(', ')}

An account, 1000 on it, and an order of 600:
  curl -s ${gateway}/accounts ${json} -d '{"user_id":"${user}"}'
  curl -s ${gateway}/accounts/${user}/top-ups ${json} -d '{"amount":1000}'
  curl -s ${gateway}/orders ${json} -H 'prefer: wait=5' -d '{"user_id":"${user}","amount":600,"description":"A first order"}'

Ctrl-C ends it; the data stay (npm start -- --fresh begins anew).
`;
}
