import { AppError, invalidField } from './errors.ts';

/** Characters, not bytes, as the OpenAPI document counts them. */
export const descriptionLengthMax = 500;
export const idempotencyKeyLengthMax = 255;

/** PostgreSQL's text holds neither NUL nor a lone surrogate, so both end here and not in a statement. */
export function parseDescription(value: string, field = 'description'): string {
  // A string never has more characters than code units, which need not be counted.
  if (value.length > descriptionLengthMax && [...value].length > descriptionLengthMax)
    throw invalidField(field, `must have at most ${descriptionLengthMax} characters`);
  if (value.includes('\0') || !value.isWellFormed()) throw invalidField(field, 'must be Unicode text without NUL');
  return value;
}

/** Printable ASCII, 1 to 255 characters; absent means that the client accepts duplicates. */
export function parseIdempotencyKey(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (value.length > idempotencyKeyLengthMax || !/^[\x20-\x7e]+$/.test(value))
    throw new AppError(
      'INVALID_IDEMPOTENCY_KEY',
      `Idempotency-Key must be 1 to ${idempotencyKeyLengthMax} printable ASCII characters`,
    );
  return value;
}
