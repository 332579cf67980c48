import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';

/** How a call ended: a gRPC status, or only the stream's or the connection's end. */
export interface GrpcOutcome {
  readonly status: number | 'closed';
  readonly message: string;
  readonly response: Buffer | undefined;
}

export interface GrpcSession {
  /** Sends these bytes as the request's body, whatever they are. */
  call(path: string, body: readonly Buffer[], headers?: Readonly<Record<string, string>>): Promise<GrpcOutcome>;
  /** Opens a stream, sends the bytes and resets it at once. */
  reset(path: string, body: Buffer): void;
  readonly isClosed: boolean;
  close(): void;
}

const ANSWER_TIMEOUT_MS = 15_000;

/** gRPC over Node's own HTTP/2, without a gRPC library that would refuse to send what is wrong. */
export function openSession(port: number): GrpcSession {
  const session = connect(`http://127.0.0.1:${port}`);
  // The server may end it, and that is an answer.
  session.on('error', () => undefined);
  return {
    call: async (path, body, headers = {}) => call(session, { path, body, headers }),
    reset: (path, body) => {
      if (session.closed || session.destroyed) return;
      const stream = session.request(head(path, {}));
      stream.on('error', () => undefined);
      stream.write(body);
      stream.close(constants.NGHTTP2_CANCEL);
    },
    get isClosed() {
      return session.closed || session.destroyed;
    },
    close: () => session.destroy(),
  };
}

/** A message as gRPC frames it: a flag, four bytes of length, the bytes. */
export function frame(message: Uint8Array, options: { flag?: number; length?: number } = {}): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = options.flag ?? 0;
  prefix.writeUInt32BE(options.length ?? message.length, 1);
  return Buffer.concat([prefix, message]);
}

function head(path: string, headers: Readonly<Record<string, string>>): Record<string, string> {
  return {
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': '5S',
    ...headers,
  };
}

async function call(
  session: ClientHttp2Session,
  { path, body, headers }: { path: string; body: readonly Buffer[]; headers: Readonly<Record<string, string>> },
): Promise<GrpcOutcome> {
  const { promise, resolve } = Promise.withResolvers<GrpcOutcome>();
  if (session.closed || session.destroyed) return { status: 'closed', message: 'no session', response: undefined };
  const stream = session.request(head(path, headers));
  const chunks: Buffer[] = [];
  const found = new Map<string, string>();
  const collect = (answer: IncomingHttpHeaders): void => {
    for (const [name, value] of Object.entries(answer)) found.set(name, String(value));
  };
  const timer = setTimeout(
    () => resolve({ status: 'closed', message: 'no answer in time', response: undefined }),
    ANSWER_TIMEOUT_MS,
  );
  // Without a message the status comes with the headers, else after the message.
  stream.on('response', collect);
  stream.on('trailers', collect);
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', () => undefined);
  stream.once('close', () => {
    clearTimeout(timer);
    const status = found.get('grpc-status');
    const http = found.get(':status');
    const isRefused = http !== undefined && http !== '200';
    resolve({
      // An HTTP status of its own is told apart: 415 for a media type that is no gRPC.
      status: status !== undefined ? Number(status) : isRefused ? Number(http) : 'closed',
      message: decodeURIComponent(found.get('grpc-message') ?? ''),
      response: chunks.length === 0 ? undefined : Buffer.concat(chunks).subarray(5),
    });
  });
  for (const bytes of body) stream.write(bytes);
  stream.end();
  return promise;
}
