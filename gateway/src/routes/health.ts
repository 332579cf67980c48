import type { Router } from '@koa/router';
import { AppError } from '@order-payments/kernel/errors.ts';
import type { GatewayState } from '../state.ts';

// Not operations: a probe's Accept or query is no reason to call the gateway sick, and overload must not look like death.
export function addHealthRoutes(router: Router<GatewayState>, isReady: () => Promise<boolean>): void {
  router.get('/health/live', (ctx) => {
    ctx.body = { status: 'live' };
  });

  router.get('/health/ready', async (ctx) => {
    if (!(await isReady())) throw new AppError('UNAVAILABLE', 'the gateway stops, or no service can be reached');
    ctx.body = { status: 'ready' };
  });
}
