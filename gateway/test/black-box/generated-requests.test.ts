import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { startServices, type TestServices } from '../../../local/src/test-kit/start-services.ts';
import { openApiDocument } from '../../src/openapi/document.ts';
import type { Answer, Operation, Parameter, Reference, Schema } from '../../src/openapi/types.ts';
import { componentValidator } from '../../src/openapi/validation.ts';

// Requests made from the document: most of them good in most parts, with anything at all mixed in.
const requests = 5_000;
const concurrency = 8;

let services: TestServices;
beforeAll(async () => {
  services = await startServices();
}, 120_000);
afterAll(async () => {
  await services.stop();
});

const operations = Object.entries(openApiDocument.paths).flatMap(([path, methods]) =>
  Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({ path, method, operation })),
);

// A few users, so that accounts, keys and orders meet.
const users = Array.from({ length: 5 }, (_, i) => `0198c5a0-7f3e-7c55-9a31-2f1d8a4b6c0${i}`);
const anything = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.bigInt().map(Number), fc.double({ noNaN: true }));

function valid(schema: Schema): fc.Arbitrary<unknown> {
  const { type, format, minimum, maximum, maxLength } = schema as Record<string, never>;
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
  if (type === 'object') {
    const properties = schema['properties'] as Record<string, Schema>;
    return fc.record(Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, mostly(valid(part))])));
  }
  if (format === 'uuid') return fc.oneof({ arbitrary: fc.constantFrom(...users), weight: 5 }, fc.uuid());
  if (type === 'integer') return fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constantFrom(minimum, maximum));
  return fc.oneof(
    fc.constantFrom('a', 'k-1', 'wait=0', 'wait=1'),
    fc.string({ minLength: 1, maxLength: Math.min(maxLength ?? 20, 40) }),
  );
}

const mostly = (good: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ arbitrary: good, weight: 30 }, { arbitrary: anything, weight: 1 });

function resolve(schema: Schema | Reference): Schema {
  const name = String((schema as Reference).$ref)
    .split('/')
    .at(-1) as keyof typeof openApiDocument.components.schemas;
  return openApiDocument.components.schemas[name];
}

interface GeneratedRequest {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
  readonly values: Readonly<Record<string, unknown>>;
  readonly body: string | undefined;
}

function requestOf({ path, method, operation }: (typeof operations)[number]): fc.Arbitrary<GeneratedRequest> {
  const parameters = operation.parameters ?? [];
  const values = fc.record(
    Object.fromEntries(parameters.map((parameter) => [parameter.name, mostly(valid(parameter.schema))])),
    { requiredKeys: parameters.filter(({ required }) => required).map(({ name }) => name) },
  );
  const schema = operation.requestBody && resolve(operation.requestBody.content['application/json'].schema);
  const json = schema ? mostly(valid(schema)).map((value) => JSON.stringify(value)) : fc.constant(undefined);
  const body = schema ? fc.oneof({ arbitrary: json, weight: 20 }, fc.string()) : json;
  return fc.record({
    path: fc.constant(path),
    method: fc.constant(method),
    operation: fc.constant(operation),
    values,
    body,
  });
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
// What fetch itself would refuse to send is no test of the gateway; raw-http.test.ts sends such bytes.
const headerText = (value: unknown): string => textOf(value).replaceAll(/[^\x20-\xff]/g, '');

async function send(request: GeneratedRequest): Promise<Response> {
  const inside = (where: Parameter['in']): Array<[string, unknown]> =>
    (request.operation.parameters ?? [])
      .filter(({ in: place, name }) => place === where && name in request.values)
      .map(({ name }) => [name, request.values[name]]);
  // An empty segment is another path, and lone surrogates have no URL form.
  const encode = (value: unknown): string => encodeURIComponent(textOf(value).toWellFormed() || 'x');
  const path = inside('path').reduce((text, [name, value]) => text.replace(`{${name}}`, encode(value)), request.path);
  const query = inside('query').map(([name, value]) => `${name}=${encode(value)}`);
  return fetch(`${services.url}${path}${query.length > 0 ? `?${query.join('&')}` : ''}`, {
    method: request.method.toUpperCase(),
    headers: {
      ...(request.body !== undefined && { 'Content-Type': 'application/json' }),
      ...Object.fromEntries(inside('header').map(([name, value]) => [name, headerText(value)])),
    },
    ...(request.body !== undefined && { body: request.body }),
  });
}

async function check(request: GeneratedRequest): Promise<number> {
  const response = await send(request);
  const text = await response.text();
  const documented = request.operation.responses[String(response.status)] as Answer | undefined;
  const mediaType = response.headers.get('content-type')?.split(';')[0] ?? '';
  const schema = documented?.content?.[mediaType]?.schema as Reference | undefined;
  const what = {
    operation: request.operation.operationId,
    values: request.values,
    sent: request.body,
    status: response.status,
    text,
  };
  if (schema === undefined || response.status >= 500)
    throw new Error(`not documented, or ours: ${JSON.stringify(what)}`);
  const validate = componentValidator(schema.$ref.split('/').at(-1) ?? '');
  if (!validate(JSON.parse(text)))
    throw new Error(`not as documented: ${JSON.stringify({ ...what, errors: validate.errors })}`);
  return response.status;
}

test(`${requests} requests made from the document get documented answers and no 5xx`, async () => {
  const generated = fc.sample(fc.oneof(...operations.map(requestOf)), requests);
  const statuses = new Map<number, number>();
  const next = generated.values();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (const request of next) {
        const status = await check(request);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    }),
  );
  // Else the requests were all of one kind, and the test would show nothing.
  for (const status of [200, 201, 400, 404, 409, 422]) expect(statuses.get(status) ?? 0).toBeGreaterThan(20);
}, 400_000);
