import type { ServerResponse } from 'node:http';

// Long enough for any order that is not stuck, and well below the idle time-outs of proxies.
const waitSecondsMax = 10;

/** The seconds of `wait=N` in a Prefer header, at most 10. RFC 7240: what is malformed or unknown is ignored. */
export function waitOf(prefer: string | undefined): number | undefined {
  for (const preference of (prefer ?? '').split(',')) {
    const match = /^\s*wait\s*=\s*"?(\d+)"?\s*(?:;|$)/i.exec(preference);
    if (match) return Math.min(Number(match[1]), waitSecondsMax);
  }
  return undefined;
}

/** Aborted when the client leaves before its answer. */
export function whenGone(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  if (response.destroyed) gone.abort();
  response.once('close', () => gone.abort());
  return gone.signal;
}
