import { connect } from 'node:net';
import { ResponseReader } from './response-reader.ts';
import type { WireResponse } from './response-reader.ts';

export interface Exchange {
  readonly responses: readonly WireResponse[];
  /** Why what came was no sequence of responses. */
  readonly nonsense: string | undefined;
  /** Whether the server ended the connection, and when. */
  readonly isClosed: boolean;
  readonly tookMs: number;
}

/** Longer than the gateway lets any client take (8 s, looked at every second). */
const PATIENCE_MS = 12_000;

/** How long a request that is not answered may be incomplete rather than slow, and how long another answer may still come. */
const FIRST_ANSWER_MS = 250;
const NEXT_ANSWER_MS = 20;

/**
 * Sends the pieces, each in a write of its own, then the end of our side, and reads until the server ends its own. The end
 * waits for the answers: Node's server takes a client that ends its side for one that is gone.
 */
export async function exchange(port: number, pieces: readonly Buffer[]): Promise<Exchange> {
  const startedAt = performance.now();
  const reader = new ResponseReader();
  const responses: WireResponse[] = [];
  let nonsense: string | undefined;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const endIn = (ms: number): NodeJS.Timeout => {
    clearTimeout(ending);
    return setTimeout(() => socket.end(), ms);
  };
  let ending = setTimeout(() => undefined);
  socket.on('data', (chunk) => {
    try {
      responses.push(...reader.push(chunk));
      if (responses.length > 0) ending = endIn(NEXT_ANSWER_MS);
    } catch (error) {
      nonsense ??= String(error);
    }
  });
  // A server that refuses what is still being sent resets the connection.
  socket.on('error', () => undefined);
  socket.once('close', () => resolve(true));
  const timer = setTimeout(() => resolve(false), PATIENCE_MS);
  for (const piece of pieces) {
    socket.write(piece);
    if (pieces.length > 1) await new Promise((done) => setImmediate(done));
  }
  if (responses.length === 0) ending = endIn(FIRST_ANSWER_MS);
  const isClosed = await promise;
  clearTimeout(timer);
  clearTimeout(ending);
  socket.destroy();
  return { responses, nonsense, isClosed, tookMs: performance.now() - startedAt };
}
