import type { Middleware } from 'koa';
import { newUuid } from '@order-payments/kernel/uuid.ts';
import { requestIdPattern } from '@order-payments/platform/grpc/request-id.ts';
import type { GatewayState } from '../state.ts';

/** The client's X-Request-Id if it is fit for headers and logs, else a new one; echoed in the answer. */
export function identifyRequests(): Middleware<GatewayState> {
  return async (ctx, next) => {
    const given = ctx.req.headers['x-request-id'];
    ctx.state.requestId = typeof given === 'string' && requestIdPattern.test(given) ? given : newUuid();
    ctx.set('X-Request-Id', ctx.state.requestId);
    await next();
  };
}
