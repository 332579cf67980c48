import type { Middleware, ParameterizedContext } from 'koa';
import { Counter, Histogram, type Registry } from 'prom-client';
import type { Logger } from '@order-payments/platform/logger.ts';
import type { GatewayState } from '../state.ts';

// Client errors that never became a request, too: see server.ts.
export interface HttpMetrics {
  readonly requests: Counter<'method' | 'route' | 'status'>;
  readonly duration: Histogram<'route' | 'status'>;
}

export function createHttpMetrics(registry: Registry): HttpMetrics {
  return {
    requests: new Counter({
      name: 'http_requests_total',
      help: 'Requests that were answered',
      labelNames: ['method', 'route', 'status'],
      registers: [registry],
    }),
    duration: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the request line and headers to the end of the answer',
      labelNames: ['route', 'status'],
      buckets: [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    }),
  };
}

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE']);

/** One log line and one observation a request, when its answer is out or its client is gone. */
export function logAccess(logger: Logger, metrics: HttpMetrics): Middleware<GatewayState> {
  return async (ctx, next) => {
    const startedMs = performance.now();
    ctx.res.once('close', () => {
      const route = routeOf(ctx);
      const method = methods.has(ctx.method) ? ctx.method : 'other';
      // 499, as nginx has it: the client left before its answer was out.
      const status = ctx.res.writableFinished ? ctx.res.statusCode : 499;
      const durationMs = performance.now() - startedMs;
      metrics.requests.inc({ method, route, status });
      metrics.duration.observe({ route, status }, durationMs / 1000);
      const { requestId, problemCode, orderId } = ctx.state;
      // Probes come every few seconds and would bury the rest.
      const level = route.startsWith('/health/') ? 'debug' : 'info';
      logger[level](
        {
          request_id: requestId,
          method,
          route,
          status,
          duration_ms: Math.round(durationMs * 100) / 100,
          ...(problemCode !== undefined && { code: problemCode }),
          ...(orderId !== undefined && { order_id: orderId }),
        },
        'request',
      );
    });
    await next();
  };
}

/** The pattern and never the path, which would make a label and a log field of whatever clients send. */
function routeOf(ctx: ParameterizedContext<GatewayState>): string {
  const route: unknown = 'routerPath' in ctx ? ctx['routerPath'] : undefined;
  return typeof route === 'string' ? route : 'none';
}
