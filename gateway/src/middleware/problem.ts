import type { Middleware } from 'koa';
import type { Logger } from '@order-payments/platform/logger.ts';
import { AppError } from '@order-payments/kernel/errors.ts';
import { RequestError } from '../request-error.ts';
import type { GatewayState } from '../state.ts';
import { problemTable, type ProblemCode } from './problem-table.ts';

export const problemMediaType = 'application/problem+json';

/** RFC 9457, with our code, the request's id and, where there is one, the field at fault. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly request_id: string;
  readonly field?: string;
}

export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Problem;
}

/** What a client is told of an error. Anything but AppError and RequestError is a bug and told as INTERNAL. */
export function presentProblem(error: unknown, requestId: string): ProblemAnswer {
  const known = error instanceof AppError || error instanceof RequestError ? error : undefined;
  const code = known?.code ?? 'INTERNAL';
  const kind = problemTable[code];
  const field = known instanceof AppError ? known.details['field'] : undefined;
  return {
    status: kind.status,
    headers: {
      ...(known instanceof RequestError && known.headers),
      ...(kind.retryAfter !== undefined && { 'Retry-After': String(kind.retryAfter) }),
    },
    body: {
      type: `urn:order-payments:problem:${code}`,
      title: kind.title,
      status: kind.status,
      code,
      detail: kind.detail ?? known?.message ?? kind.title,
      request_id: requestId,
      ...(field !== undefined && { field }),
    },
  };
}

/** Turns whatever a route throws into problem+json. A bug is logged here, once; the access log has the rest. */
export function answerProblems(logger: Logger): Middleware<GatewayState> {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      const { requestId } = ctx.state;
      const problem = presentProblem(error, requestId);
      if (problem.body.code === 'INTERNAL') logger.error({ err: error, request_id: requestId }, 'request failed');
      ctx.state.problemCode = problem.body.code;
      ctx.status = problem.status;
      ctx.set(problem.headers);
      ctx.body = JSON.stringify(problem.body);
      ctx.set('Content-Type', problemMediaType);
    }
  };
}
