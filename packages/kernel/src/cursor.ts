import { createHash } from 'node:crypto';
import { AppError } from './errors.ts';

export const pageSizeDefault = 50;
export const pageSizeMax = 100;

/**
 * A keyset cursor: where the page before ended, bound to the list it came from (its filter included),
 * so that a cursor of another list is refused and not silently answered with the wrong page.
 * It is not a secret: whoever forges one reads only what the same list would have shown.
 */
export function encodeCursor(list: string, position: string): string {
  return Buffer.from(`${fingerprint(list)}:${position}`).toString('base64url');
}

/** The position that encodeCursor was given. Refuses what it did not make for this list. */
export function decodeCursor(list: string, cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  const separator = text.indexOf(':');
  const position = text.slice(separator + 1);
  if (separator < 0 || encodeCursor(list, position) !== cursor)
    throw new AppError('INVALID_CURSOR', 'cursor is not one that this list returned', { field: 'cursor' });
  return position;
}

function fingerprint(list: string): string {
  return createHash('sha256').update(list).digest('base64url').slice(0, 12);
}
