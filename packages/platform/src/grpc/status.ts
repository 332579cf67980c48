import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { AppError, errorCodes, type ErrorCode, type ErrorDetails } from '@order-payments/kernel/errors.ts';
import { z } from 'zod';

/** The one table from error codes to gRPC status. */
const statusOf: Record<ErrorCode, status> = {
  INVALID_FIELD: status.INVALID_ARGUMENT,
  INVALID_CURSOR: status.INVALID_ARGUMENT,
  INVALID_IDEMPOTENCY_KEY: status.INVALID_ARGUMENT,
  IDEMPOTENCY_KEY_REUSED: status.FAILED_PRECONDITION,
  ACCOUNT_ALREADY_EXISTS: status.ALREADY_EXISTS,
  ACCOUNT_NOT_FOUND: status.NOT_FOUND,
  ORDER_NOT_FOUND: status.NOT_FOUND,
  BALANCE_LIMIT_EXCEEDED: status.FAILED_PRECONDITION,
  OVERLOADED: status.RESOURCE_EXHAUSTED,
  UNAVAILABLE: status.UNAVAILABLE,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  INTERNAL: status.INTERNAL,
};

const codeKey = 'error-code';
const detailsKey = 'error-details';

/** What a handler answers with: the status, and the stable code and its details in the trailing metadata. */
export function toServiceError(error: AppError): Pick<ServiceError, 'code' | 'details' | 'metadata'> & Error {
  const metadata = new Metadata();
  metadata.set(codeKey, error.code);
  if (Object.keys(error.details).length > 0) metadata.set(detailsKey, JSON.stringify(error.details));
  return Object.assign(new Error(error.message), { code: statusOf[error.code], details: error.message, metadata });
}

/** What one of several callers in one call is answered with, where the call as a whole goes well. */
export interface Refusal {
  code: string;
  message: string;
  details: Record<string, string>;
}

export function toRefusal({ code, message, details }: AppError): Refusal {
  return { code, message, details: { ...details } };
}

export function fromRefusal({ code, message, details }: Refusal): AppError {
  return isErrorCode(code) ? new AppError(code, message, details) : new AppError('INTERNAL', 'the service failed');
}

/** The AppError that a service answered with, or what a status without a code means to its caller. */
export function fromServiceError(error: ServiceError): AppError {
  const code = error.metadata?.get(codeKey)[0];
  if (isErrorCode(code)) return new AppError(code, error.details, readDetails(error.metadata), { cause: error });
  switch (error.code) {
    case status.DEADLINE_EXCEEDED:
    case status.CANCELLED:
      return new AppError('DEADLINE_EXCEEDED', 'the service did not answer in time', {}, { cause: error });
    // A service's own failures carry their code, so INTERNAL is grpc-js speaking of a connection that broke in mid-call, such as
    // "Received RST_STREAM with code 2": nobody knows what was done.
    case status.UNAVAILABLE:
    case status.INTERNAL:
      return new AppError('UNAVAILABLE', 'the service cannot be reached', {}, { cause: error });
    case status.RESOURCE_EXHAUSTED:
      return new AppError('OVERLOADED', 'the service has no room for the call', {}, { cause: error });
    default:
      return new AppError('INTERNAL', 'the service failed', {}, { cause: error });
  }
}

function isErrorCode(code: unknown): code is ErrorCode {
  return errorCodes.some((known) => known === code);
}

const detailsSchema = z.record(z.string(), z.string());

/** None where they cannot be read: the code alone says what happened. */
function readDetails(metadata: Metadata): ErrorDetails {
  const text = metadata.get(detailsKey)[0];
  if (typeof text !== 'string') return {};
  try {
    return detailsSchema.parse(JSON.parse(text));
  } catch {
    return {};
  }
}
