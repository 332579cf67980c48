import type { Middleware } from 'koa';
import type { RouterContext } from '@koa/router';
import { RequestError } from '../request-error.ts';
import type { GatewayState } from '../state.ts';

/** What no route took: 405 with Allow where the path is known, 204 with Allow for its OPTIONS, else 404. */
export function refuseUnmatched(): Middleware<GatewayState> {
  return (ctx) => {
    const layers = (ctx as Partial<RouterContext>).matched ?? [];
    const methods = new Set(layers.flatMap((layer) => layer.methods));
    if (methods.size === 0) throw new RequestError('ROUTE_NOT_FOUND', 'There is nothing at this path.');
    const allow = [...methods, 'OPTIONS'].join(', ');
    if (ctx.method !== 'OPTIONS')
      throw new RequestError('METHOD_NOT_ALLOWED', `This path supports ${allow}.`, { headers: { Allow: allow } });
    ctx.set('Allow', allow);
    ctx.status = 204;
  };
}
