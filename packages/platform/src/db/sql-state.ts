import { InvalidInputError } from 'slonik';

interface Facts {
  readonly constructor: { readonly name: string };
  readonly message?: unknown;
  readonly code?: unknown;
  readonly constraint?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

const causeDepthMax = 5;

/** The error and what caused it. By shape and not by class: drivers wrap errors that come from elsewhere. */
function causesOf(error: unknown): Facts[] {
  const chain: Facts[] = [];
  for (let current = error; typeof current === 'object' && current !== null && chain.length < causeDepthMax;) {
    const facts = current as Facts;
    chain.push(facts);
    current = facts.cause;
  }
  return chain;
}

// Classes begin with a digit, F, H, P or X; Node's EPIPE has five characters, too.
const sqlStatePattern = /^[0-9FHPX][0-9A-Z]{4}$/;

/** SQLSTATE of a PostgreSQL error, however deep slonik wrapped it; undefined for what is none. */
export function sqlStateOf(error: unknown): string | undefined {
  for (const { code } of causesOf(error)) {
    if (typeof code === 'string' && sqlStatePattern.test(code)) return code;
  }
  // The driver turns 22P02 into this and drops the code.
  return error instanceof InvalidInputError ? '22P02' : undefined;
}

/** The constraint that a row broke, by its name; undefined where it was none. */
export function violatedConstraintOf(error: unknown): string | undefined {
  const names = causesOf(error).map(({ constraint }) => constraint);
  return names.find((name) => typeof name === 'string');
}

/** In PostgreSQL's own words, which name the constraint at fault (and no data); drivers wrap them in words that do not. */
export function describeDatabaseError(error: unknown): string {
  const cause = causesOf(error).find(({ code }) => typeof code === 'string' && sqlStatePattern.test(code));
  const { message } = cause ?? (error as Partial<Facts>);
  return String(message ?? error);
}

/**
 * What became wrong, in the one place that decides it:
 * - data: this row breaks a rule of the database (class 22 data exception, 23 constraint). Trying again is pointless.
 * - transient: passes by itself (08 connection, 28 authorization, 40 rollback, 53 resources, 55 lock, 57 operator, 58 system, or a
 *   connection that broke). A password that was rotated is refused until this process is restarted for the secret's sake.
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
    // 25006: a primary that became a standby; 25P03: a transaction that was idle. XX001 and the like are corruption: "other".
    if (['08', '28', '40', '53', '55', '57', '58'].includes(sqlClass) || ['25006', '25P03'].includes(sqlState))
      return 'transient';
    return 'other';
  }
  return isLostConnection(error) ? 'transient' : 'other';
}

function isLostConnection(error: unknown): boolean {
  return causesOf(error).some(
    ({ constructor, code, message, errors }) =>
      // Slonik's errors have no name of their own.
      connectionErrorNames.has(constructor.name) ||
      connectionErrorCodes.has(String(code)) ||
      // Every address of a name was tried.
      (Array.isArray(errors) && errors.some(isLostConnection)) ||
      // pg gives these no code; slonik none to a session that was given up when its answer came after all, and none to those of a
      // process that is ending, whose calls another one can answer.
      /^(Connection terminated|timeout expired|Client has encountered a connection error|Client is (pending destroy|destroyed)|Connection pool (is being|has been) shut down)/i.test(
        String(message),
      ),
  );
}
