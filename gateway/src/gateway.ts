import type { Logger } from '@order-payments/platform/logger.ts';
import { createMetrics, startMetricsServer, type Stoppable } from '@order-payments/platform/metrics.ts';
import { createApp } from './app.ts';
import { createOrdersClient } from './clients/orders.ts';
import { createPaymentsClient } from './clients/payments.ts';
import type { GatewayConfig } from './config.ts';
import { createHttpMetrics } from './middleware/access.ts';
import { createReadiness } from './readiness.ts';
import { createInFlight } from './middleware/in-flight.ts';
import { startHttpServer } from './server.ts';

// With the drain below the 20 s that lifecycle.ts gives the whole process, and above a wait of 10 s and the call before it.
const stopLimitMs = 16_000;

// What 64 connections make of it is near the peak, also where a request takes 10 ms; a fifth of the time that a call has.
const inFlightMin = 64;
const inFlightTargetMs = 1_000;

export interface Gateway extends Stoppable {
  readonly port: number;
  readonly metricsPort: number;
}

/** The whole process but its signals: tests start it as it is. */
export async function startGateway(
  config: GatewayConfig,
  { logger, stopping }: { logger: Logger; stopping: AbortSignal },
): Promise<Gateway> {
  const registry = createMetrics();
  const metrics = createHttpMetrics(registry);
  const orders = createOrdersClient({ target: config.ORDERS_GRPC_URL, timeoutMs: config.GRPC_TIMEOUT_MS });
  const payments = createPaymentsClient({ target: config.PAYMENTS_GRPC_URL, timeoutMs: config.GRPC_TIMEOUT_MS });
  const isReady = createReadiness([orders, payments], stopping);
  const limits = { min: inFlightMin, max: config.HTTP_IN_FLIGHT_MAX, targetMs: inFlightTargetMs };
  // One for each: calls to a service that hangs must not take the places of those to the other.
  const inFlight = { orders: createInFlight(limits), payments: createInFlight(limits) };
  const app = createApp({ orders, payments, inFlight, isReady, logger, metrics });
  const handle = app.callback();
  const server = await startHttpServer({
    host: config.HTTP_HOST,
    port: config.HTTP_PORT,
    connectionsMax: config.HTTP_CONNECTIONS_MAX,
    keepAliveMs: config.HTTP_KEEP_ALIVE_MS,
    handle: (request, response) => void handle(request, response),
    // What asks no service is answered however much the others ask.
    isFullFor: ({ url = '' }) =>
      (inFlight.orders.isFull && /^\/orders\b/.test(url)) || (inFlight.payments.isFull && /^\/accounts\b/.test(url)),
    onRefused: (status) => metrics.requests.inc({ method: 'other', route: 'none', status }),
    drainMs: config.HTTP_DRAIN_MS,
    stopLimitMs,
  });
  const metricsServer = await startMetricsServer({
    host: config.METRICS_HOST,
    port: config.METRICS_PORT,
    registry,
    isReady,
  });
  return {
    port: server.port,
    metricsPort: metricsServer.port,
    stop: async () => {
      // Requests in hand still need the clients, and probes still ask the metrics port.
      await server.stop();
      orders.close();
      payments.close();
      await metricsServer.stop();
    },
  };
}
