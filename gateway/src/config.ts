import { baseConfig, count, grpcTarget, host, milliseconds, port } from '@order-payments/platform/config.ts';
import { z } from 'zod';

export const gatewayConfig = z.object({
  ...baseConfig,
  HTTP_HOST: host.default('127.0.0.1'),
  HTTP_PORT: port.default(8080),
  ORDERS_GRPC_URL: grpcTarget,
  PAYMENTS_GRPC_URL: grpcTarget,
  /** For all attempts of one call to a service. */
  GRPC_TIMEOUT_MS: milliseconds.default(5_000),
  /** Requests waiting for each of the services, at most: 0.2 s of work at 5,000 a second. Where they take longer than a second, fewer. */
  HTTP_IN_FLIGHT_MAX: count.default(1_024),
  /** Open sockets: room for healthy clients beside 10,000 that do nothing, which are closed after 5 s. */
  HTTP_CONNECTIONS_MAX: count.default(16_384),
  /** Longer than the 60 s that common load balancers keep an idle connection: one that closes first loses requests. */
  HTTP_KEEP_ALIVE_MS: milliseconds.default(65_000),
  /** When it stops: how long clients are told `Connection: close` before idle connections end. */
  HTTP_DRAIN_MS: milliseconds.max(3_000).default(1_000),
});

export type GatewayConfig = z.output<typeof gatewayConfig>;
