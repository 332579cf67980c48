import { seam } from '@order-payments/platform/seam.ts';
import type { Middleware, ParameterizedContext } from 'koa';
import type { InFlight, Place } from '../middleware/in-flight.ts';
import { readJsonBody } from '../middleware/body.ts';
import { requestValidator } from '../openapi/validation.ts';
import type { Operation } from '../openapi/types.ts';
import { RequestError } from '../request-error.ts';
import type { GatewayState } from '../state.ts';

export type Context = ParameterizedContext<GatewayState>;

/** The parts of a request that a handler reads; what it declares is what the operation's schemas have checked. */
export interface Input {
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: Readonly<Record<string, unknown>>;
}

export type Handler<I extends Input> = (ctx: Context, input: I, place: Place) => Promise<void>;
export type Operate = <I extends Input>(described: Operation, handle: Handler<I>) => Middleware<GatewayState>;

/** Makes a route of an operation: Accept, then every part of the request against the document, then the handler. */
export function createOperate(inFlight: InFlight): Operate {
  return <I extends Input>(described: Operation, handle: Handler<I>): Middleware<GatewayState> => {
    const validator = requestValidator(described);
    return async (ctx) => {
      checkAccept(ctx);
      const path = (ctx as { params?: Record<string, string> }).params ?? {};
      validator.path(path);
      const query = readQuery(ctx, validator.integers);
      validator.query(query);
      const headers = readHeaders(ctx, validator.headerNames);
      validator.headers(headers);
      let body: unknown;
      if (validator.body) {
        body = await readJsonBody(ctx.req);
        validator.body(body);
      }
      // The schemas have just checked what the handler's type says.
      await inFlight.run(async (place) => handle(ctx, { path, query, headers, body } as unknown as I, place));
      // The service has answered; the client has not heard of it.
      seam('gateway.answered');
    };
  };
}

function checkAccept(ctx: Context): void {
  const { accept } = ctx.req.headers;
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return;
  if (ctx.accepts('application/json') === false)
    throw new RequestError('NOT_ACCEPTABLE', 'The answer is application/json.');
}

/** Integers as numbers, so that the schema can judge them; `Number` alone would take " 5", "0x10" and "" too. */
function readQuery(ctx: Context, integers: ReadonlySet<string>): Record<string, unknown> {
  if (ctx.querystring === '') return {};
  return Object.fromEntries(
    Object.entries(ctx.query).map(([name, value]) => {
      const isInteger = integers.has(name) && typeof value === 'string' && /^-?\d{1,15}$/.test(value);
      return [name, isInteger ? Number(value) : value];
    }),
  );
}

function readHeaders(ctx: Context, names: readonly string[]): Record<string, unknown> {
  const headers: Record<string, unknown> = {};
  for (const name of names) {
    const value = ctx.req.headers[name.toLowerCase()];
    if (value === undefined) continue;
    // Node joins repeated headers with a comma; two keys are not one, so a list fails the schema's `type: string`.
    const repeated = value.includes(',') ? ctx.req.headersDistinct[name.toLowerCase()] : undefined;
    headers[name] = name !== 'Prefer' && repeated !== undefined && repeated.length > 1 ? repeated : value;
  }
  return headers;
}
