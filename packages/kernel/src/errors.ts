/**
 * The closed set of expected failures. A code is stable: clients may branch on it.
 * The transports translate it, each in one table: gRPC status in platform, HTTP status in the gateway.
 */
export const errorCodes = [
  'INVALID_FIELD',
  'INVALID_CURSOR',
  'INVALID_IDEMPOTENCY_KEY',
  'IDEMPOTENCY_KEY_REUSED',
  'ACCOUNT_ALREADY_EXISTS',
  'ACCOUNT_NOT_FOUND',
  'ORDER_NOT_FOUND',
  'BALANCE_LIMIT_EXCEEDED',
  'OVERLOADED',
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** Facts a client may read, such as the name of the field at fault. Never a stack, SQL, path or host. */
export type ErrorDetails = Readonly<Record<string, string>>;

export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}

export function invalidField(field: string, message: string): AppError {
  return new AppError('INVALID_FIELD', `${field} ${message}`, { field });
}
