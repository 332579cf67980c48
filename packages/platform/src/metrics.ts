import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, Registry } from 'prom-client';

export interface Stoppable {
  stop(): Promise<void>;
}

/** A Prometheus registry with the default metrics of a Node process. */
export function createMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Serves /metrics, /health/live and /health/ready on a port of their own, which probes and Prometheus reach and users do not. */
export async function startMetricsServer(options: {
  host: string;
  port: number;
  registry: Registry;
  isReady: () => boolean | Promise<boolean>;
}): Promise<Stoppable & { port: number }> {
  const server = createServer((request, response) => {
    void answer(request.url ?? '/').then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      () => response.writeHead(500).end(),
    );
  });
  const answer = async (path: string): Promise<{ status: number; type: string; body: string }> => {
    switch (path) {
      case '/metrics':
        return { status: 200, type: options.registry.contentType, body: await options.registry.metrics() };
      case '/health/live':
        return { status: 200, type: 'text/plain', body: 'live\n' };
      case '/health/ready': {
        const ready = await options.isReady();
        return { status: ready ? 200 : 503, type: 'text/plain', body: ready ? 'ready\n' : 'not ready\n' };
      }
      default:
        return { status: 404, type: 'text/plain', body: 'not found\n' };
    }
  };
  server.headersTimeout = 5_000;
  server.requestTimeout = 5_000;
  server.listen(options.port, options.host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
