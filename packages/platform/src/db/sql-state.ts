import { InvalidInputError } from 'slonik';

/** SQLSTATE of a PostgreSQL error, however deep slonik wrapped it; undefined for what is none. */
export function sqlStateOf(error: unknown): string | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth++) {
    if ('code' in current && typeof current.code === 'string' && /^[0-9A-Z]{5}$/.test(current.code))
      return current.code;
    // The driver turns 22P02 into this and drops the code.
    if (current instanceof InvalidInputError) return '22P02';
  }
  return undefined;
}

/**
 * What became wrong, in the one place that decides it:
 * - data: this row breaks a rule of the database (class 22 data exception, 23 constraint). Trying again is pointless.
 * - transient: passes by itself (08 connection, 40 rollback, 53 resources, 55 lock, 57 operator, or a connection that broke).
 * - other: a bug of ours (42 syntax or access rule, and all else).
 */
export type ErrorKind = 'data' | 'transient' | 'other';

const connectionErrorCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
const connectionErrorNames = new Set([
  'BackendTerminatedError',
  'BackendTerminatedUnexpectedlyError',
  'ConnectionError',
  'StatementTimeoutError',
  'StatementCancelledError',
  'IdleTransactionTimeoutError',
]);

export function errorKind(error: unknown): ErrorKind {
  const sqlState = sqlStateOf(error);
  if (sqlState !== undefined) {
    const sqlClass = sqlState.slice(0, 2);
    if (sqlClass === '22' || sqlClass === '23') return 'data';
    // 25P02/25P03 end a transaction for what happened before; XX001 and the like are corruption and stay "other".
    if (['08', '40', '53', '55', '57'].includes(sqlClass) || sqlState === '25P03') return 'transient';
    return 'other';
  }
  return isLostConnection(error) ? 'transient' : 'other';
}

function isLostConnection(error: unknown): boolean {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth++) {
    if (connectionErrorNames.has(current.name) || connectionErrorNames.has(current.constructor.name)) return true;
    if ('code' in current && connectionErrorCodes.has(String(current.code))) return true;
    if (current instanceof AggregateError && current.errors.some(isLostConnection)) return true;
    // pg gives these no code.
    if (/^(Connection terminated|timeout expired|Client has encountered a connection error)/i.test(current.message))
      return true;
  }
  return false;
}
