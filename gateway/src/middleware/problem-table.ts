import { errorCodes, type ErrorCode } from '@order-payments/kernel/errors.ts';
import { requestErrorCodes, type RequestErrorCode } from '../request-error.ts';

export type ProblemCode = ErrorCode | RequestErrorCode;
export const problemCodes: readonly ProblemCode[] = [...errorCodes, ...requestErrorCodes];

export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** Seconds after which a repetition may succeed. */
  readonly retryAfter?: number;
  /** Says instead of the error's own message, which may name a host or a table. */
  readonly detail?: string;
}

const unknownOutcome =
  'It is not known whether the request was carried out. Repeat it with the same Idempotency-Key to get its one answer.';

/** The one table from error codes to HTTP. */
export const problemTable: Readonly<Record<ProblemCode, ProblemKind>> = {
  INVALID_FIELD: { status: 422, title: 'A field is not valid' },
  INVALID_CURSOR: { status: 400, title: 'The cursor is not valid' },
  INVALID_IDEMPOTENCY_KEY: { status: 400, title: 'The Idempotency-Key is not valid' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, title: 'The Idempotency-Key was used for another request' },
  ACCOUNT_ALREADY_EXISTS: { status: 409, title: 'The user already has an account' },
  ACCOUNT_NOT_FOUND: { status: 404, title: 'There is no such account' },
  ORDER_NOT_FOUND: { status: 404, title: 'There is no such order' },
  BALANCE_LIMIT_EXCEEDED: { status: 422, title: 'The balance would exceed its limit' },
  OVERLOADED: {
    status: 503,
    title: 'Too many requests are being handled',
    retryAfter: 1,
    detail: 'Try again shortly, with the same Idempotency-Key.',
  },
  UNAVAILABLE: { status: 503, title: 'A service cannot be reached', retryAfter: 1, detail: unknownOutcome },
  DEADLINE_EXCEEDED: { status: 504, title: 'A service did not answer in time', detail: unknownOutcome },
  INTERNAL: {
    status: 500,
    title: 'Internal error',
    detail: 'This is a defect of ours. The request_id helps to find it.',
  },

  MALFORMED_REQUEST: { status: 400, title: 'The request is not well-formed HTTP' },
  MALFORMED_BODY: { status: 400, title: 'The body is not well-formed JSON' },
  ROUTE_NOT_FOUND: { status: 404, title: 'There is nothing at this path' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'The path does not support this method' },
  NOT_ACCEPTABLE: { status: 406, title: 'The answer has no form that Accept allows' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request took too long to arrive' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The body is not plain JSON in UTF-8' },
  EXPECTATION_FAILED: { status: 417, title: 'The expectation cannot be met' },
  HEADERS_TOO_LARGE: { status: 431, title: 'The request line and headers are too large' },
};
