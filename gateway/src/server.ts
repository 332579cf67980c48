import { once } from 'node:events';
import { createServer, STATUS_CODES, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Stoppable } from '@order-payments/platform/metrics.ts';
import { sleep } from '@order-payments/platform/backoff.ts';
import { AppError } from '@order-payments/kernel/errors.ts';
import { newUuid } from '@order-payments/kernel/uuid.ts';
import { presentProblem, problemMediaType } from './middleware/problem.ts';
import { RequestError, type RequestErrorCode } from './request-error.ts';

// A client has 5 s for its headers and 8 s for the whole request; looked at every second, so it is out within 9 s.
const headersTimeoutMs = 5_000;
const requestTimeoutMs = 8_000;
const checkIntervalMs = 1_000;
// A socket on which nothing moves while an answer is due: more than a wait of 10 s and two calls of 5 s.
const idleTimeoutMs = 30_000;
// A request for which there is no room waits so long, and has its 503 only then if there still is none; a millisecond more
// for each that waits, so that at most 1,000 (1,500 where 4,500 wait) are refused a second. Clients that do not heed
// Retry-After are many, and refusing them at once took more than half of the gateway's time (measured).
const refusalPauseMs = { min: 1_000, max: 3_000 };
const headerBytesMax = 16 * 1024;
const headersCountMax = 100;

export interface HttpServer extends Stoppable {
  readonly port: number;
}

export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  readonly connectionsMax: number;
  readonly keepAliveMs: number;
  readonly handle: RequestListener;
  /** Whether there is no room for the request now. */
  readonly isFullFor: (request: IncomingMessage) => boolean;
  /** Told of every answer to what was no request. */
  readonly onRefused: (status: number) => void;
  /** Time between the first `Connection: close` and the end of idle connections. */
  readonly drainMs: number;
  /** Time that requests in hand have when the server stops. */
  readonly stopLimitMs: number;
}

/** Koa's server, with limits on time, size and number, and problem+json for what is not even HTTP. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  // Of each connection the requests whose answers are not out yet: several, where a client pipelines.
  const answering = new Map<Duplex, Set<ServerResponse>>();
  let stopping = false;
  const answer = (response: ServerResponse, error: RequestError | AppError, connection = 'close'): void => {
    const { status, headers, body } = rawProblemParts(error);
    options.onRefused(status);
    response.writeHead(status, { ...headers, Connection: connection }).end(body);
  };
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    if (stopping) response.setHeader('Connection', 'close');
    options.handle(request, response);
  };
  let waiting = 0;
  const wait = (request: IncomingMessage, response: ServerResponse): void => {
    waiting += 1;
    const pauseMs = Math.min(Math.max(waiting, refusalPauseMs.min), refusalPauseMs.max);
    setTimeout(handleLater, pauseMs, request, response);
  };
  const handleLater = (request: IncomingMessage, response: ServerResponse): void => {
    waiting -= 1;
    if (response.destroyed) return;
    if (!options.isFullFor(request)) return handle(request, response);
    const overloaded = new AppError('OVERLOADED', 'too many requests are in flight');
    answer(response, overloaded, stopping ? 'close' : 'keep-alive');
  };
  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: checkIntervalMs,
      keepAliveTimeout: options.keepAliveMs,
      // Small answers must not wait for more to come.
      noDelay: true,
      // Node would refuse it too, but without problem+json.
      requireHostHeader: false,
    },
    (request, response) => {
      // It came a moment after its 408, which says that nothing is done.
      if (request.socket.writableEnded) return;
      track(answering, request.socket, response);
      const wrong = checkHead(request);
      if (wrong !== undefined) return answer(response, wrong);
      // What a client pipelines behind another request is refused at once: Node reads on while nothing is answered, and what
      // waits must not be more than there are connections.
      const isAlone = answering.get(request.socket)?.size === 1;
      if (isAlone && options.isFullFor(request)) wait(request, response);
      else handle(request, response);
    },
  );
  server.maxHeadersCount = headersCountMax;
  server.maxConnections = options.connectionsMax;
  server.timeout = idleTimeoutMs;

  const refuse = (socket: Duplex, error: RequestError): void => {
    const { status, text } = rawProblem(error);
    options.onRefused(status);
    socket.end(text, () => socket.destroy());
  };
  const endConnection = (error: NodeJS.ErrnoException, socket: Duplex): void => {
    // An answer that has begun, or is due to an earlier and complete request, must not be mixed up with this one: a client
    // that reads 400 where its order's answer was due would take the order for refused.
    const isDue = [...(answering.get(socket) ?? [])].some(({ headersSent, req }) => headersSent || req.complete);
    if (!socket.writable || isDue) socket.destroy();
    else refuse(socket, clientErrorOf(error));
  };
  const arrived = (socket: Duplex): { all: boolean; count: number } => {
    const requests = [...(answering.get(socket) ?? [])].map(({ req }) => req);
    const count = requests.filter(({ complete }) => complete).length;
    return { all: count === requests.length, count };
  };
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code !== 'ERR_HTTP_REQUEST_TIMEOUT') return endConnection(error, socket);
    // A process that stood still has not read yet what came in time: Node looks at its clock before it reads.
    const before = arrived(socket);
    setImmediate(() => {
      const now = arrived(socket);
      if (!now.all || now.count <= before.count) endConnection(error, socket);
    });
  });
  server.on('checkExpectation', (_request, response: ServerResponse) =>
    answer(response, new RequestError('EXPECTATION_FAILED', 'Only 100-continue is known.')),
  );
  server.on('connect', (_request, socket) =>
    refuse(
      socket,
      new RequestError('METHOD_NOT_ALLOWED', 'This is no proxy.', { headers: { Allow: 'GET, HEAD, POST, OPTIONS' } }),
    ),
  );

  server.listen({ host: options.host, port: options.port, backlog: 1_024 });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      // Clients that keep connections learn from their next answer that this one ends. A connection that is closed
      // while they are sending would be a failed request, which they may not repeat.
      stopping = true;
      for (const response of [...answering.values()].flatMap((responses) => [...responses]))
        if (!response.headersSent) response.setHeader('Connection', 'close');
      await sleep(options.drainMs);
      const force = setTimeout(() => server.closeAllConnections(), options.stopLimitMs);
      // Takes no new connection and ends idle ones; the others end with their answer.
      server.close();
      await once(server, 'close');
      clearTimeout(force);
    },
  };
}

/** What Node itself would refuse without problem+json, or not at all. */
function checkHead({ headers, httpVersion, rawHeaders }: IncomingMessage): RequestError | undefined {
  if (headers.host === undefined && httpVersion !== '1.0')
    return new RequestError('MALFORMED_REQUEST', 'HTTP/1.1 asks for a Host header.');
  // Node leaves out what is beyond maxHeadersCount: an order would lose its Idempotency-Key and nobody would know.
  if (rawHeaders.length > 2 * headersCountMax)
    return new RequestError('HEADERS_TOO_LARGE', `A request has at most ${headersCountMax} headers.`);
  return undefined;
}

function track(answering: Map<Duplex, Set<ServerResponse>>, socket: Duplex, response: ServerResponse): void {
  const responses = answering.get(socket) ?? new Set();
  answering.set(socket, responses.add(response));
  response.once('close', () => {
    responses.delete(response);
    if (responses.size === 0) answering.delete(socket);
  });
}

function clientErrorOf(error: NodeJS.ErrnoException): RequestError {
  const code = codeOfClientError(error.code);
  switch (code) {
    case 'REQUEST_TIMEOUT':
      return new RequestError(
        code,
        `Headers have ${headersTimeoutMs / 1000} s to arrive, a whole request ${requestTimeoutMs / 1000} s.`,
      );
    case 'HEADERS_TOO_LARGE':
      return new RequestError(code, `The request line and headers have at most ${headerBytesMax} bytes.`);
    default:
      return new RequestError(code, 'The request is not well-formed HTTP/1.1.');
  }
}

function codeOfClientError(code: string | undefined): RequestErrorCode {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'REQUEST_TIMEOUT';
  return code === 'HPE_HEADER_OVERFLOW' ? 'HEADERS_TOO_LARGE' : 'MALFORMED_REQUEST';
}

function rawProblemParts(error: RequestError | AppError): {
  status: number;
  headers: Record<string, string>;
  body: string;
} {
  const requestId = newUuid();
  const problem = presentProblem(error, requestId);
  const body = JSON.stringify(problem.body);
  return {
    status: problem.status,
    headers: {
      ...problem.headers,
      'Content-Type': problemMediaType,
      'Content-Length': String(Buffer.byteLength(body)),
      'X-Request-Id': requestId,
      Connection: 'close',
    },
    body,
  };
}

function rawProblem(error: RequestError): { status: number; text: string } {
  const { status, headers, body } = rawProblemParts(error);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return { status, text: `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}` };
}
