import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { componentValidator } from '../src/openapi/validation.ts';
import { startTestGateway, validOrder, type TestGateway } from './gateway.ts';
import { rawRequest, type RawAnswer } from './raw-request.ts';

// What an HTTP client library would not send.
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway.stop();
});

const isProblem = componentValidator('Problem');
const order = JSON.stringify(validOrder);
const head = (...headers: string[]): string =>
  ['POST /orders HTTP/1.1', 'Host: gateway', 'Content-Type: application/json', ...headers, '', ''].join('\r\n');

function expectProblem(answer: RawAnswer, status: number, code: string): void {
  expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status, code });
  expect(answer.text).toMatch(/content-type: application\/problem\+json/i);
  expect(isProblem(answer.body) ? null : isProblem.errors).toBeNull();
}

describe('what is not HTTP', () => {
  test.each<[string, string]>([
    ['no HTTP at all', 'hello\r\n\r\n'],
    ['TLS on a plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['a header without a colon', 'GET /orders HTTP/1.1\r\nHost gateway\r\n\r\n'],
    ['a NUL in a header', 'GET /orders HTTP/1.1\r\nHost: g\r\nX-Request-Id: a\0b\r\n\r\n'],
    ['no Host', 'GET /orders HTTP/1.1\r\n\r\n'],
    ['two lengths', head('Content-Length: 5', 'Content-Length: 6')],
    ['two equal lengths', head('Content-Length: 5', 'Content-Length: 5')],
    ['a list of lengths', head('Content-Length: 5, 5')],
    ['a length with a sign', head('Content-Length: +5')],
    ['a length in hexadecimal', head('Content-Length: 0x5')],
    ['a length beyond 2^64', head('Content-Length: 18446744073709551617')],
    ['chunks beside a length', head('Transfer-Encoding: chunked', 'Content-Length: 5')],
    ['an encoding after chunks', head('Transfer-Encoding: chunked, identity')],
    ['chunks twice', head('Transfer-Encoding: chunked', 'Transfer-Encoding: identity')],
    ['an encoding that is not chunks', head('Transfer-Encoding: gzip')],
    ['an encoding in disguise', head('Transfer-Encoding: xchunked')],
    ['a folded header', head('X-Folded: a', ' b')],
    ['a header that ends with CR alone', 'GET /orders HTTP/1.1\r\nHost: g\rX-A: b\r\n\r\n'],
    ['a header that ends with LF alone', 'GET /orders HTTP/1.1\nHost: g\n\n'],
    ['a size of a chunk beyond 2^64', `${head('Transfer-Encoding: chunked')}fffffffffffffffff\r\n`],
    ['a size of a chunk with a sign', `${head('Transfer-Encoding: chunked')}+1\r\na\r\n`],
    ['a chunk longer than its size', `${head('Transfer-Encoding: chunked')}1\r\nab\r\n0\r\n\r\n`],
    ['a chunk that ends with LF alone', `${head('Transfer-Encoding: chunked')}1\r\na\n0\r\n\r\n`],
    ['NUL in the path', 'GET /orders\0/x HTTP/1.1\r\nHost: g\r\n\r\n'],
    ['a space in the path', 'GET /orders x HTTP/1.1\r\nHost: g\r\n\r\n'],
    ['an empty method', ' /orders HTTP/1.1\r\nHost: g\r\n\r\n'],
    ['a method in small letters', 'get /orders HTTP/1.1\r\nHost: g\r\n\r\n'],
    ['HTTP/0.9', 'GET /orders\r\n\r\n'],
    ['HTTP/9.9', 'GET /orders HTTP/9.9\r\nHost: g\r\n\r\n'],
    ["HTTP/2's preface", 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a length beside chunks', head('Content-Length: 5', 'Transfer-Encoding: chunked')],
    ['a negative length', head('Content-Length: -1')],
    ['a chunk whose size is no number', `${head('Transfer-Encoding: chunked')}zz\r\n`],
    ['a space before the colon', 'GET /orders HTTP/1.1\r\nHost : g\r\n\r\n'],
  ])('%s: 400 as problem+json, and the connection ends', async (_what, bytes) => {
    expectProblem(await rawRequest(gateway.port, Buffer.from(bytes, 'latin1')), 400, 'MALFORMED_REQUEST');
  });

  test('headers of more than 16 KiB: 431', async () => {
    const answer = await rawRequest(gateway.port, head(`X-Long: ${'x'.repeat(20_000)}`));
    expectProblem(answer, 431, 'HEADERS_TOO_LARGE');
  });

  test('more than 100 headers: 431, for Node would leave the others out, an Idempotency-Key among them', async () => {
    for (const count of [98, 127, 128, 129, 500]) {
      const many = Array.from({ length: count }, (_, i) => `X-${i}: ${i}`);
      const bytes = `${head(...many, `Content-Length: ${order.length}`, 'Idempotency-Key: last')}${order}`;
      expectProblem(await rawRequest(gateway.port, bytes), 431, 'HEADERS_TOO_LARGE');
    }
  });

  test.each<[string, string, number, string]>([
    ['TRACE', 'TRACE /orders', 405, 'METHOD_NOT_ALLOWED'],
    ['the absolute form of a target', 'GET http://other:81/nothing', 404, 'ROUTE_NOT_FOUND'],
    ['the authority form', 'GET gateway:80', 400, 'MALFORMED_REQUEST'],
    ['the asterisk form', 'GET *', 404, 'ROUTE_NOT_FOUND'],
    ['percent-encoding that is none', 'GET /accounts/%zz', 422, 'INVALID_FIELD'],
    ['percent-encoding cut off', 'GET /accounts/%', 422, 'INVALID_FIELD'],
    ['a path that climbs', 'GET /../../etc/passwd', 404, 'ROUTE_NOT_FOUND'],
    ['a path that climbs in disguise', 'GET /docs/assets/%2e%2e/%2e%2e/package.json', 404, 'ROUTE_NOT_FOUND'],
  ])('%s: its own answer', async (_what, line, status, code) => {
    expectProblem(
      await rawRequest(gateway.port, `${line} HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n`),
      status,
      code,
    );
  });

  test('an upgrade to h2c or a WebSocket is not made: the request is answered as if it were not asked for', async () => {
    for (const upgrade of ['h2c', 'websocket']) {
      const headers = `Host: g\r\nConnection: Upgrade, close\r\nUpgrade: ${upgrade}\r\nHTTP2-Settings: AAMAAABk\r\n`;
      const answer = await rawRequest(gateway.port, `GET /nothing HTTP/1.1\r\n${headers}\r\n`);
      expectProblem(answer, 404, 'ROUTE_NOT_FOUND');
    }
  });

  test('extensions of chunks are passed over', async () => {
    const bytes = `${head('Transfer-Encoding: chunked', 'Connection: close')}2;a=b;c="d"\r\n{}\r\n0\r\n\r\n`;
    expectProblem(await rawRequest(gateway.port, bytes), 422, 'INVALID_FIELD');
  });

  test('an expectation that nobody knows: 417', async () => {
    expectProblem(await rawRequest(gateway.port, head('Expect: tea', 'Content-Length: 0')), 417, 'EXPECTATION_FAILED');
  });

  test('CONNECT: 405, the gateway is no proxy', async () => {
    const answer = await rawRequest(gateway.port, 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n');
    expectProblem(answer, 405, 'METHOD_NOT_ALLOWED');
  });

  test('garbage behind a request that is being answered is not taken for its answer', async () => {
    const answer = await rawRequest(gateway.port, `GET /health/ready HTTP/1.1\r\nHost: g\r\n\r\ngarbage\r\n\r\n`);
    expect(answer.text).not.toContain('MALFORMED_REQUEST');
  });

  test('nor is a second request that begins well and breaks, while an order is being made', async () => {
    const first = `${head(`Content-Length: ${order.length}`)}${order}`;
    const { text } = await rawRequest(gateway.port, `${first}${head('Transfer-Encoding: chunked')}zz\r\n`);
    expect(text).toBe('');
  });

  test('requests in one write are answered each, in their order', async () => {
    const get = (path: string, ...headers: string[]): string =>
      [`GET ${path} HTTP/1.1`, 'Host: g', ...headers, '', ''].join('\r\n');
    const answer = await rawRequest(
      gateway.port,
      get('/nothing') + get('/health/live') + get('/orders/x') + get('/nothing', 'Connection: close'),
    );
    expect([...answer.text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1])).toEqual([
      '404',
      '200',
      '422',
      '404',
    ]);
  });
});

describe('bodies that arrive in pieces', () => {
  test('a chunked body of more than 16 KiB: 413 while it is still being sent', async () => {
    const chunk = `400\r\n${'x'.repeat(1024)}\r\n`;
    const answer = await rawRequest(gateway.port, head('Transfer-Encoding: chunked', 'Connection: close'), (socket) => {
      // Seventeen chunks and no end.
      socket.write(chunk.repeat(17));
    });
    expectProblem(answer, 413, 'BODY_TOO_LARGE');
    // And not by a time-out.
    expect(answer.closedAfterMs).toBeLessThan(4_500);
  });

  test('a body in chunks of one byte is read', async () => {
    const chunks = [...order].map((character) => `1\r\n${character}\r\n`).join('');
    const answer = await rawRequest(
      gateway.port,
      `${head('Transfer-Encoding: chunked', 'Connection: close')}${chunks}0\r\n\r\n`,
    );
    expectProblem(answer, 503, 'UNAVAILABLE');
  });

  test('a client that leaves within its body disturbs nobody', async () => {
    for (let i = 0; i < 20; i += 1) {
      const socket = connect(gateway.port, '127.0.0.1');
      socket.write(`${head('Content-Length: 100')}{"user`);
      await once(socket, 'connect');
      socket.destroy();
    }
    expect((await fetch(`${gateway.url}/health/live`)).status).toBe(200);
  });
});

// (Found by an hour of faults: 408 on a connection whose order arrived at that moment, and was made.)
test('what arrived in time is answered, also by a process that stood still meanwhile', async () => {
  const answer = await rawRequest(gateway.port, '', (socket) => {
    setTimeout(() => {
      // Just before the timers' turn.
      setImmediate(() => {
        socket.write(`${head(`Content-Length: ${order.length}`, 'Connection: close')}${order}`);
        // Beyond the time that headers have. The kernel has all of it; nothing here runs.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6_500);
      });
    }, 500);
  });
  expectProblem(answer, 503, 'UNAVAILABLE');
});

describe('slow clients are out in 5 to 10 s, and others do not notice', () => {
  const drip = (text: string) => (socket: Socket) => {
    let sent = 0;
    const timer = setInterval(() => socket.write(text[sent++ % text.length] ?? ''), 300);
    socket.once('close', () => clearInterval(timer));
  };
  const isInTime = (answer: RawAnswer): void => {
    expect(answer.closedAfterMs).toBeGreaterThan(4_500);
    // 9 s at most on an idle machine; on a busy one the timer itself comes late.
    expect(answer.closedAfterMs).toBeLessThan(20_000);
  };

  test('at once: a header byte by byte, a body byte by byte, a body that stops, and silence', async () => {
    const slow = Promise.all([
      rawRequest(gateway.port, 'GET /orders HTTP/1.1\r\nHost: g\r\nX-Slow: ', drip('x')),
      rawRequest(gateway.port, head('Content-Length: 1000'), drip(' ')),
      rawRequest(gateway.port, `${head('Transfer-Encoding: chunked')}5\r\nab`),
      rawRequest(gateway.port, ''),
      ...Array.from({ length: 300 }, async () => rawRequest(gateway.port, `${head('Content-Length: 1000')}{`)),
    ]);
    let slowest = 0;
    for (let i = 0; i < 50; i += 1) {
      const started = performance.now();
      expect(
        (
          await fetch(`${gateway.url}/orders`, {
            method: 'POST',
            body: '{}',
            headers: { 'Content-Type': 'application/json' },
          })
        ).status,
      ).toBe(422);
      slowest = Math.max(slowest, performance.now() - started);
    }
    // Far below the time that the slow ones take, far above what a busy machine takes.
    expect(slowest).toBeLessThan(4_000);
    const answers = await slow;
    for (const answer of answers) isInTime(answer);
    const [header, body, stopped, , ...others] = answers;
    for (const answer of [header, body, stopped, ...others]) if (answer) expectProblem(answer, 408, 'REQUEST_TIMEOUT');
  });
});
