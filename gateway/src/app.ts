import { Router } from '@koa/router';
import Koa from 'koa';
import type { Logger } from '@order-payments/platform/logger.ts';
import type { OrdersClient } from './clients/orders.ts';
import type { PaymentsClient } from './clients/payments.ts';
import { logAccess, type HttpMetrics } from './middleware/access.ts';
import type { InFlight } from './middleware/in-flight.ts';
import { answerProblems } from './middleware/problem.ts';
import { identifyRequests } from './middleware/request-id.ts';
import { refuseUnmatched } from './middleware/unmatched.ts';
import { addAccountRoutes } from './routes/accounts.ts';
import { addDocsRoutes } from './routes/docs.ts';
import { addHealthRoutes } from './routes/health.ts';
import { createOperate } from './routes/operation.ts';
import { addOrderRoutes } from './routes/orders.ts';
import type { GatewayState } from './state.ts';

export interface AppParts {
  readonly orders: OrdersClient;
  readonly payments: PaymentsClient;
  /** By the service that is asked. */
  readonly inFlight: { readonly orders: InFlight; readonly payments: InFlight };
  readonly isReady: () => Promise<boolean>;
  readonly logger: Logger;
  readonly metrics: HttpMetrics;
}

export function createApp(parts: AppParts): Koa<GatewayState> {
  const { orders, payments, inFlight, logger } = parts;
  const router = new Router<GatewayState>({ strict: true, sensitive: true });
  addOrderRoutes(router, { operate: createOperate(inFlight.orders), orders });
  addAccountRoutes(router, { operate: createOperate(inFlight.payments), payments });
  addHealthRoutes(router, parts.isReady);
  addDocsRoutes(router);

  const app = new Koa<GatewayState>();
  // What is thrown becomes a problem below; this is left for an answer that breaks while it is sent.
  app.on('error', (error: unknown) => logger.error({ err: error }, 'answer failed'));
  app.use(identifyRequests());
  app.use(logAccess(logger, parts.metrics));
  app.use(answerProblems(logger));
  app.use(async (ctx, next) => {
    // Balances and orders change, and a browser must take an answer for nothing but its media type.
    ctx.set('Cache-Control', 'no-store');
    ctx.set('X-Content-Type-Options', 'nosniff');
    await next();
  });
  app.use(router.routes());
  app.use(refuseUnmatched());
  return app;
}
