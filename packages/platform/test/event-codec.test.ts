import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { eventually } from '@order-payments/local/test-kit/eventually.ts';
import { infrastructure } from '@order-payments/local/test-kit/infrastructure.ts';
import { paymentFailedSchema, paymentSucceededSchema } from '@order-payments/contracts/schemas.ts';
import { createEventCodec, RegistryUnavailableError, type EventCodec } from '../src/kafka/event-codec.ts';
import { createLogger } from '../src/logger.ts';

// The codec and the real registry, with a proxy between that can refuse to give a schema.

const logger = createLogger({ service: 'test', level: 'silent' });
const longAgo = Date.now() - 3_600_000;
let refuse: ((answer: ServerResponse) => void) | undefined;
let proxy: Server;
let codec: EventCodec;
let value: Buffer;

/** As Apicurio says it. */
const notFound = (answer: ServerResponse): void =>
  void answer
    .writeHead(404, { 'content-type': 'application/json' })
    .end(JSON.stringify({ error_code: 40403, message: 'No content with id was found.' }));

const codecOf = (registryUrl: string, schemas = [paymentFailedSchema]): EventCodec =>
  createEventCodec({ registryUrl, schemas, logger, missingSchemaPatienceMs: 1_500 });

beforeEach(async () => {
  const { schemaRegistryUrl } = await infrastructure();
  refuse = undefined;
  proxy = createServer((request, answer) => {
    if (refuse !== undefined && request.url?.includes('/schemas/ids/')) return refuse(answer);
    void (async () => {
      const forwarded = await fetch(new URL(request.url ?? '/', schemaRegistryUrl), {
        method: request.method ?? 'GET',
        headers: { 'content-type': request.headers['content-type'] ?? 'application/json' },
        ...(request.method === 'POST' && { body: request, duplex: 'half' }),
      });
      const type = forwarded.headers.get('content-type') ?? '';
      answer.writeHead(forwarded.status, { 'content-type': type }).end(await forwarded.text());
    })();
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { pathname } = new URL(schemaRegistryUrl);
  codec = codecOf(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}${pathname}`);
  await codec.start(AbortSignal.timeout(10_000));
  // Of a schema that is in the registry, and that this codec did not look up at its start.
  const other = codecOf(schemaRegistryUrl, [paymentSucceededSchema]);
  await other.start(AbortSignal.timeout(10_000));
  value = other.encode({
    event_id: '0d5ee3f8-1fcf-5e3d-9f6c-0c8c7a3f3c55',
    event_type: 'PaymentSucceeded',
    occurred_at: 1_790_000_000_000,
    data: { order_id: 'o', user_id: 'u' },
  });
});
afterEach(() => {
  proxy.closeAllConnections();
  proxy.close();
});

/** A later version, whose data may say something more. */
const laterSchema = {
  ...paymentSucceededSchema,
  text: JSON.stringify(JSON.parse(paymentSucceededSchema.text), (_key, value: { name?: string; fields?: unknown[] }) =>
    value?.fields?.some((field) => (field as { name: string }).name === 'user_id')
      ? { ...value, fields: [...value.fields, { name: 'channel', type: ['null', 'string'], default: null }] }
      : value,
  ),
};

test('an event that a later version reads again is the same event', async () => {
  const { schemaRegistryUrl } = await infrastructure();
  const [now, later] = [paymentSucceededSchema, laterSchema].map((schema) => codecOf(schemaRegistryUrl, [schema]));
  const read = [await now?.decode(value), await later?.decode(value)];
  expect(read[1]).toMatchObject({ kind: 'event', envelope: { data: { order_id: 'o', channel: null } } });
  expect(new Set(read.map((one) => one?.kind === 'event' && one.dataHash))).toHaveProperty('size', 1);
});

const decoded = async (writtenAtMs?: number): Promise<string> => (await codec.decode(value, writtenAtMs)).kind;

test('a schema that the registry does not have yet is waited for', async () => {
  refuse = notFound;
  await expect(decoded()).rejects.toBeInstanceOf(RegistryUnavailableError);
  await expect(decoded()).rejects.toBeInstanceOf(RegistryUnavailableError);
  refuse = undefined;
  expect(await decoded()).toBe('skipped');
});

test('and given up when the registry has denied it for long enough', async () => {
  refuse = notFound;
  await expect(decoded()).rejects.toBeInstanceOf(RegistryUnavailableError);
  await eventually(async () => expect(await decoded()).toBe('undecodable'), { timeoutMs: 10_000 });
});

test('a record that is older than that is given up at once', async () => {
  refuse = notFound;
  expect(await decoded(longAgo)).toBe('undecodable');
});

test.each<[string, (answer: ServerResponse) => void]>([
  ['says 503', (answer) => void answer.writeHead(503).end()],
  ["says a proxy's 404", (answer) => void answer.writeHead(404, { 'content-type': 'text/html' }).end('<h1>404</h1>')],
  ['breaks the connection', (answer) => void answer.destroy()],
])('no record is given up while the registry %s, however old it is', async (_what, answer) => {
  refuse = answer;
  for (let attempt = 0; attempt < 3; attempt++)
    await expect(decoded(longAgo)).rejects.toBeInstanceOf(RegistryUnavailableError);
  refuse = undefined;
  expect(await decoded(longAgo)).toBe('skipped');
});
