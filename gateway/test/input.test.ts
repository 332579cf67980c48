import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { componentValidator } from '../src/openapi/validation.ts';
import { startTestGateway, userId, validOrder, type TestGateway } from './gateway.ts';

// RELIABILITY's table of REST input, where the gateway answers by itself: no service is there to be asked.
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway.stop();
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: { readonly code?: string; readonly field?: string; readonly request_id?: string };
}

const isProblem = componentValidator('Problem');

/** Every refusal must be problem+json as the document describes it, and tell nothing of the inside. */
async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${gateway.url}${path}`, init);
  const text = await response.text();
  if (response.status >= 400 && init.method !== 'HEAD') {
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const problem: unknown = JSON.parse(text);
    expect(isProblem(problem) ? null : isProblem.errors).toBeNull();
    expect(problem).toMatchObject({ status: response.status, request_id: response.headers.get('x-request-id') });
    expect(text).not.toMatch(/127\.0\.0\.1|node_modules|\.ts\b|ECONN|\\n +at |select /);
  }
  const body = text.startsWith('{') ? (JSON.parse(text) as Answer['body']) : {};
  return { status: response.status, headers: response.headers, body };
}

const json = { 'Content-Type': 'application/json' };
const post = async (path: string, body: RequestInit['body'], headers: Record<string, string> = json): Promise<Answer> =>
  ask(path, { method: 'POST', headers, body: body ?? null });

const orderWith = (fields: string): string => `{"user_id":"${userId}","description":"x",${fields}}`;

describe('a body that is not strict JSON', () => {
  test.each<[string, string | Uint8Array]>([
    ['no JSON', 'amount=600'],
    ['nothing', ''],
    ['a duplicate key', orderWith('"amount":1,"amount":2')],
    ['a duplicate key with an equal value', orderWith('"amount":1,"amount":1')],
    [
      'invalid UTF-8',
      Buffer.concat([
        Buffer.from(`{"user_id":"${userId}","amount":1,"description":"`),
        Buffer.from([0xff, 0x22, 0x7d]),
      ]),
    ],
    ['NUL', orderWith('"amount":1').replace('"x"', '"\\u0000"')],
    ['a lone surrogate', orderWith('"amount":1').replace('"x"', '"\\ud800"')],
    ['33 levels', '['.repeat(33) + ']'.repeat(33)],
    ['16,000 levels', '['.repeat(16_000)],
    ['a BOM', `\ufeff${JSON.stringify(validOrder)}`],
  ])('%s: 400', async (_what, body) => {
    const answer = await post('/orders', body);
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 400, code: 'MALFORMED_BODY' });
  });
});

describe('a body whose fields are wrong', () => {
  test.each<[string, string, string]>([
    ['an unknown field', orderWith('"amount":1,"admin":true'), 'admin'],
    ['a field called __proto__', orderWith('"amount":1,"__proto__":{}'), '__proto__'],
    ['a missing field', `{"user_id":"${userId}","description":"x"}`, 'amount'],
    ['a number as description', `{"user_id":"${userId}","amount":1,"description":5}`, 'description'],
    ['null as description', `{"user_id":"${userId}","amount":1,"description":null}`, 'description'],
    ['an id that is no UUID', '{"user_id":"me","amount":1,"description":"x"}', 'user_id'],
    ['an id as a URN', `{"user_id":"urn:uuid:${userId}","amount":1,"description":"x"}`, 'user_id'],
    ['an id with a line end', `{"user_id":"${userId}\\n","amount":1,"description":"x"}`, 'user_id'],
    ['501 characters', JSON.stringify({ ...validOrder, description: 'x'.repeat(501) }), 'description'],
    ['an array', '[]', 'body'],
    ['a string', '"x"', 'body'],
    ['null', 'null', 'body'],
  ])('%s: 422 with the field named', async (_what, body, field) => {
    const answer = await post('/orders', body);
    expect({ status: answer.status, ...answer.body }).toMatchObject({ status: 422, code: 'INVALID_FIELD', field });
  });

  test.each([
    '0',
    '-1',
    '-0',
    '0.5',
    '1e-1',
    '9007199254740992',
    '9007199254740993',
    '9007199254740991.4',
    '0.9999999999999999999999',
    '1e400',
    '1e999999999999',
    '"5"',
    'true',
    'null',
    '[]',
    '{}',
  ])('amount %s: 422, of an order and of a top-up', async (amount) => {
    const order = await post('/orders', orderWith(`"amount":${amount}`));
    const topUp = await post(`/accounts/${userId}/top-ups`, `{"amount":${amount}}`);
    for (const { status, body } of [order, topUp])
      expect({ status, code: body.code, field: body.field }).toEqual({
        status: 422,
        code: 'INVALID_FIELD',
        field: 'amount',
      });
  });

  test('a name of a thousand characters is cut before it is told', async () => {
    const answer = await post('/orders', orderWith(`"amount":1,"${'n'.repeat(1_000)}":1`));
    expect(answer.body.field).toHaveLength(100);
  });
});

// 503, because the request is good and only then is a service asked.
describe('what is good comes as far as the services', () => {
  const outOfReach = { status: 503, code: 'UNAVAILABLE', retryAfter: '1' };
  const summary = ({ status, headers, body }: Answer): object => ({
    status,
    code: body.code,
    retryAfter: headers.get('retry-after'),
  });

  test.each(['1', '1.0', '1e3', '9007199254740991', '0.1e1', '90071992547409.91e2'])('amount %s', async (amount) => {
    expect(summary(await post('/orders', orderWith(`"amount":${amount}`)))).toEqual(outOfReach);
  });

  test('500 characters outside the BMP', async () => {
    expect(summary(await post('/orders', JSON.stringify({ ...validOrder, description: '😀'.repeat(500) })))).toEqual(
      outOfReach,
    );
  });

  test.each([
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'Application/JSON',
    'application/json; profile=x',
  ])('media type %s', async (type) => {
    expect(summary(await post('/orders', JSON.stringify(validOrder), { 'Content-Type': type }))).toEqual(outOfReach);
  });

  test('a key of 255 characters', async () => {
    const headers = { ...json, 'Idempotency-Key': 'k'.repeat(255) };
    expect(summary(await post('/orders', JSON.stringify(validOrder), headers))).toEqual(outOfReach);
  });

  test.each([
    `/accounts/${userId}`,
    `/accounts/${userId.toUpperCase()}`,
    `/accounts/${userId}/transactions?limit=100`,
    `/orders?user_id=${userId}&status=NEW&limit=1&cursor=abc`,
    `/orders/${userId}`,
  ])('GET %s', async (path) => {
    expect(summary(await ask(path))).toEqual(outOfReach);
  });
});

describe('size and media type', () => {
  const big = JSON.stringify({ ...validOrder, description: 'x'.repeat(17 * 1024) });

  test('a body of more than 16 KiB: 413, and the connection goes on', async () => {
    for (let i = 0; i < 3; i += 1)
      expect(await post('/orders', big)).toMatchObject({ status: 413, body: { code: 'BODY_TOO_LARGE' } });
  });

  test('a body of exactly 16 KiB is read', async () => {
    const padding = ' '.repeat(16 * 1024 - JSON.stringify(validOrder).length);
    expect((await post('/orders', JSON.stringify(validOrder) + padding)).status).toBe(503);
    expect((await post('/orders', `${JSON.stringify(validOrder)}${padding} `)).status).toBe(413);
  });

  test.each<[string, Record<string, string>]>([
    ['text/plain', { 'Content-Type': 'text/plain' }],
    ['a form', { 'Content-Type': 'application/x-www-form-urlencoded' }],
    ['another JSON', { 'Content-Type': 'application/merge-patch+json' }],
    ['a name that only begins so', { 'Content-Type': 'application/jsonx' }],
    ['charset latin1', { 'Content-Type': 'application/json; charset=iso-8859-1' }],
    ['charset utf-16', { 'Content-Type': 'application/json; charset=utf-16' }],
    ['two charsets', { 'Content-Type': 'application/json; charset=utf-8; charset=latin1' }],
    ['identity as Content-Encoding', { ...json, 'Content-Encoding': 'identity' }],
    ['a body that says gzip and is not', { ...json, 'Content-Encoding': 'gzip' }],
  ])('%s: 415', async (_what, headers) => {
    const answer = await post('/orders', JSON.stringify(validOrder), headers);
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
  });

  test('a body that is gzip: 415', async () => {
    const headers = { ...json, 'Content-Encoding': 'gzip' };
    expect((await post('/orders', gzipSync(JSON.stringify(validOrder)), headers)).status).toBe(415);
  });

  test('no media type: 415', async () => {
    expect((await post('/orders', Buffer.from(JSON.stringify(validOrder)), {})).status).toBe(415);
  });
});

describe('routes, methods and Accept', () => {
  test.each([
    '/',
    '/nothing',
    '/orders/',
    '/Orders',
    '//orders',
    '/orders/a/b',
    '/accounts',
    '/docs/assets/..%2fpackage.json',
  ])('GET %s: 404 or 405', async (path) => {
    const { status, body } = await ask(path);
    expect([status, body.code]).toEqual(path === '/accounts' ? [405, 'METHOD_NOT_ALLOWED'] : [404, 'ROUTE_NOT_FOUND']);
  });

  test.each([
    ['DELETE', '/orders', 'POST, HEAD, GET, OPTIONS'],
    ['PUT', `/orders/${userId}`, 'HEAD, GET, OPTIONS'],
    ['PATCH', '/accounts', 'POST, OPTIONS'],
    ['GET', `/accounts/${userId}/top-ups`, 'POST, OPTIONS'],
    ['PROPFIND', '/orders', 'POST, HEAD, GET, OPTIONS'],
    ['POST', '/health/live', 'HEAD, GET, OPTIONS'],
  ])('%s %s: 405 with Allow', async (method, path, allow) => {
    const answer = await ask(path, { method });
    expect({ status: answer.status, allow: answer.headers.get('allow') }).toEqual({ status: 405, allow });
  });

  test('OPTIONS tells the methods; HEAD answers as GET does, without a body', async () => {
    const options = await ask('/orders', { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'POST, HEAD, GET, OPTIONS']);
    expect((await ask('/nothing', { method: 'OPTIONS' })).status).toBe(404);
    const head = await ask('/health/live', { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '17']);
    expect((await ask('/orders/x', { method: 'HEAD' })).status).toBe(422);
  });

  test.each(['text/html', 'application/xml', 'application/json;q=0', 'image/*'])('Accept %s: 406', async (accept) => {
    expect((await ask(`/orders/${userId}`, { headers: { Accept: accept } })).body.code).toBe('NOT_ACCEPTABLE');
  });

  test.each(['*/*', 'application/*', 'text/html, application/json;q=0.1'])('Accept %s is fine', async (accept) => {
    expect((await ask(`/orders/${userId}`, { headers: { Accept: accept } })).status).toBe(503);
  });
});

describe('parameters and headers', () => {
  test.each([
    ['/orders', 'user_id'],
    ['/orders?user_id=me', 'user_id'],
    [`/orders?user_id=${userId}&user_id=${userId}`, 'user_id'],
    [`/orders?user_id=${userId}&status=DONE`, 'status'],
    [`/orders?user_id=${userId}&limit=0`, 'limit'],
    [`/orders?user_id=${userId}&limit=101`, 'limit'],
    [`/orders?user_id=${userId}&limit=1000000000`, 'limit'],
    [`/orders?user_id=${userId}&limit=99999999999999999999`, 'limit'],
    [`/orders?user_id=${userId}&limit=-1`, 'limit'],
    [`/orders?user_id=${userId}&limit=x`, 'limit'],
    [`/orders?user_id=${userId}&limit=`, 'limit'],
    [`/orders?user_id=${userId}&limit=0x10`, 'limit'],
    [`/orders?user_id=${userId}&limit=1.5`, 'limit'],
    [`/orders?user_id=${userId}&limit=%201`, 'limit'],
    [`/orders?user_id=${userId}&lmit=5`, 'lmit'],
    [`/accounts/${userId}/transactions?limit=x`, 'limit'],
    ['/accounts/me', 'user_id'],
    ['/accounts/%00', 'user_id'],
    ['/accounts/%ff/transactions', 'user_id'],
    ['/orders/1', 'order_id'],
    [`/orders/{${userId}}`, 'order_id'],
  ])('GET %s: 422 that names %s', async (path, field) => {
    expect(await ask(path)).toMatchObject({ status: 422, body: { code: 'INVALID_FIELD', field } });
  });

  test.each(['', 'a%20b', '%00', 'x'.repeat(257)])('cursor "%s": 400', async (cursor) => {
    const answer = await ask(`/orders?user_id=${userId}&cursor=${cursor}`);
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 400, code: 'INVALID_CURSOR' });
  });

  test.each([
    ['of 256 characters', 'k'.repeat(256)],
    ['not ASCII', 'k\u00e9y'],
    ['with a tab', 'a\tb'],
    ['empty', ''],
  ])('a key %s: 400, of an order and of a top-up', async (_what, key) => {
    const headers = { ...json, 'Idempotency-Key': key };
    const order = await post('/orders', JSON.stringify(validOrder), headers);
    const topUp = await post(`/accounts/${userId}/top-ups`, '{"amount":1}', headers);
    for (const { status, body } of [order, topUp])
      expect({ status, code: body.code }).toEqual({ status: 400, code: 'INVALID_IDEMPOTENCY_KEY' });
  });

  test('a fit X-Request-Id is echoed; an unfit one is replaced', async () => {
    const echoed = await ask('/health/live', { headers: { 'X-Request-Id': 'my-request/1' } });
    expect(echoed.headers.get('x-request-id')).toBe('my-request/1');
    for (const unfit of ['with space', 'x'.repeat(129), 'caf\u00e9']) {
      const { headers } = await ask('/health/live', { headers: { 'X-Request-Id': unfit } });
      expect(headers.get('x-request-id')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    }
  });
});
