import { describe, expect, test } from '@jest/globals';
import { openApiDocument } from './document.ts';
import type { Answer, Operation } from './types.ts';
import { componentValidator, requestValidator } from './validation.ts';

const operations = Object.entries(openApiDocument.paths).flatMap(([path, methods]) =>
  Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({ path, method, operation })),
);
const text = JSON.stringify(openApiDocument);

function resolve(reference: string): unknown {
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], openApiDocument);
}

const nameOf = (schema: unknown): string => (schema as { $ref: string }).$ref.split('/').at(-1) ?? '';

describe('the OpenAPI document', () => {
  test('has every reference resolved', () => {
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(references.length).toBeGreaterThan(20);
    expect(references.filter((reference) => resolve(reference) === undefined)).toEqual([]);
  });

  test('declares every parameter of a path, and only those', () => {
    for (const { path, operation } of operations) {
      const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
    }
  });

  test('has unique operation ids, and a summary and description each', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { operation } of operations) expect(operation.summary && operation.description).toBeTruthy();
  });

  test('has examples that its schemas accept, of requests and of answers', () => {
    let checked = 0;
    for (const { operation } of operations) {
      const contents = [operation.requestBody, ...Object.values(operation.responses)].flatMap((part) =>
        Object.values((part as Answer | undefined)?.content ?? {}),
      );
      for (const { schema, examples } of contents) {
        const validate = componentValidator(nameOf(schema));
        for (const { value } of Object.values(examples ?? {})) {
          validate(value);
          expect({ value, errors: validate.errors }).toEqual({ value, errors: null });
          checked += 1;
        }
      }
    }
    expect(checked).toBeGreaterThan(50);
  });

  test('has schemas that strict Ajv compiles, all of them', () => {
    for (const name of Object.keys(openApiDocument.components.schemas))
      expect(() => componentValidator(name)).not.toThrow();
    for (const { operation } of operations) expect(() => requestValidator(operation)).not.toThrow();
  });

  test('tells of every page that only a next_cursor of null ends the list, however few it holds', () => {
    const { OrderPage, TransactionPage } = openApiDocument.components.schemas;
    for (const page of [OrderPage, TransactionPage])
      expect(page).toHaveProperty(
        'properties.next_cursor.description',
        expect.stringMatching(/until it is null.*fewer.*none/),
      );
  });

  test('documents no conflict of keys: a key that is being handled gets the one answer', () => {
    for (const path of ['/orders', '/accounts/{user_id}/top-ups'] as const)
      expect(Object.keys(openApiDocument.paths[path].post.responses)).not.toContain('409');
    expect(text).not.toContain('IN_FLIGHT');
  });

  test('documents for every operation what any request may get', () => {
    for (const { operation } of operations)
      for (const status of ['400', '404', '405', '408', '417', '431', '500'])
        expect(Object.keys(operation.responses)).toContain(status);
  });
});
