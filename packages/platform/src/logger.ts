import { pino } from 'pino';

export type Logger = pino.Logger;

/**
 * JSON lines on stdout. Messages are constants; what varies is in allow-listed fields such as event_id and request_id.
 * Never log a body or a secret. An error is logged once, where it stops.
 */
export function createLogger(options: { service: string; level: string }): Logger {
  return pino({
    level: options.level,
    base: { service: options.service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
    // Database errors carry the statement's values, so only these facts of an error are written.
    serializers: { err: describeError },
  });
}

interface ErrorRecord {
  type: string;
  message: string;
  code?: string;
  stack?: string;
  cause?: ErrorRecord;
}

const causeDepthMax = 5;

function describeError(error: unknown, depth = 0): ErrorRecord {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const record: ErrorRecord = { type: error.name, message: error.message };
  if ('code' in error && (typeof error.code === 'string' || typeof error.code === 'number'))
    record.code = String(error.code);
  if (error.stack !== undefined) record.stack = error.stack;
  if (error.cause !== undefined && depth < causeDepthMax) record.cause = describeError(error.cause, depth + 1);
  return record;
}
