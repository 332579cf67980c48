import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { helms, render } from './support/helm.ts';
import { chart } from './support/places.ts';
import type { Schema } from './support/schemas.ts';
import { anotherValue, asFile, readValues, schemaAt, type Value } from './support/values.ts';

let schema: Schema;
let values: Value[];

beforeAll(async () => {
  schema = JSON.parse(await readFile(join(chart, 'values.schema.json'), 'utf8')) as Schema;
  values = readValues(await readFile(join(chart, 'values.yaml'), 'utf8'), schema);
});

// Values of the operators' charts are read by those, which are stubs here.
const upstream = ['strimzi-kafka-operator', 'cloudnative-pg', 'tags'];

/** Settings under which every value shows: one with everything of the chart's own, one with everything brought along. */
const surroundings = {
  own: {
    gateway: {
      ingress: { enabled: true, hosts: ['pay.example.com'] },
      autoscaling: { enabled: true },
      service: { type: 'NodePort' },
    },
    orders: { autoscaling: { enabled: true } },
    payments: { autoscaling: { enabled: true } },
    global: { networkPolicy: { metricsPeers: [{ podSelector: {} }] } },
  },
  brought: {
    global: {
      kafka: { install: false, bootstrapServers: 'broker:9093', caSecret: 'kafka-ca' },
      registry: { install: false, url: 'https://registry.example/apis/ccompat/v7' },
      databases: {
        orders: { install: false, secrets: { owner: 'a', service: 'b', relay: 'c', ops: 'd' } },
        payments: { install: false, secrets: { owner: 'a', service: 'b', relay: 'c', ops: 'd' } },
        registry: { install: false },
      },
    },
  },
  // The chart's registry on a database that is there already.
  ownRegistry: { global: { databases: { registry: { install: false, secrets: { owner: 'e' } } } } },
};

describe('values.yaml', () => {
  test('has a comment for every value', () => {
    expect(values.length).toBeGreaterThan(200);
    expect(values.filter(({ comment }) => comment.trim().length < 3).map(({ path }) => path.join('.'))).toEqual([]);
  });

  test('has an entry in the schema for every value', () => {
    expect(() => values.map(({ path }) => schemaAt(schema, path))).not.toThrow();
  });

  test('has a reader for every value: another one makes other objects', async () => {
    const base = Object.fromEntries(
      await Promise.all(
        Object.entries(surroundings).map(
          async ([name, settings]) => [name, await rendered(JSON.stringify(settings))] as const,
        ),
      ),
    );
    const unread: string[] = [];
    const read = async (value: Value): Promise<void> => {
      const other = asFile(value.path, anotherValue(schema, value));
      for (const [name, settings] of Object.entries(surroundings)) {
        const text = await rendered(merged(settings, JSON.parse(other))).catch(refusal);
        if (text !== base[name]) return;
      }
      unread.push(value.path.join('.'));
    };
    const waiting = values.filter(({ path }) => !upstream.includes(path[0] ?? ''));
    const worker = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await read(next);
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
    expect(unread).toEqual([]);
  }, 300_000);
});

describe.each(helms)('with %s, values.schema.json', (helm) => {
  test.each([
    ['a part', { gatewai: { replicas: 1 } }],
    ['a value of a part', { gateway: { replicaCount: 1 } }],
    ['a value in a section', { gateway: { ingress: { host: 'pay.example.com' } } }],
    ['a value of a database', { 'payments-db': { instance: 3 } }],
    ['a value of all', { global: { networkPolicies: { enabled: false } } }],
    ['a value of Kafka', { kafka: { partition: 24 } }],
    ['a resource', { orders: { resources: { limit: { memory: '1Gi' } } } }],
  ])('refuses %s that is misspelt', async (_what, wrong) => {
    await expect(render({ helm, values: JSON.stringify(wrong) })).rejects.toThrow(/not allowed|false schema/);
  });

  test.each([
    ['a text for a number', { gateway: { replicas: 'two' } }],
    ['an unknown log level', { global: { logLevel: 'verbose' } }],
    ['a memory without a unit that exists', { orders: { resources: { limits: { memory: '1Gb' } } } }],
    ['a registry without a scheme', { global: { registry: { url: 'registry.example' } } }],
    ['brokers without a port', { global: { kafka: { bootstrapServers: 'broker' } } }],
    ['no partitions', { kafka: { partitions: 0 } }],
  ])('refuses %s', async (_what, wrong) => {
    await expect(render({ helm, values: JSON.stringify(wrong) })).rejects.toThrow(
      /values don't meet the specifications/,
    );
  });
});

async function rendered(file: string): Promise<string> {
  const text = await render({ values: file });
  return text.replaceAll(/[A-Za-z0-9]{32}(?=@|$)/gm, 'password');
}

/** Refusing a value is reading it, unless the schema refuses it: then the test's own value is wrong. */
function refusal(error: unknown): string {
  const { message } = error as Error;
  if (message.includes("values don't meet")) throw error;
  return message;
}

function merged(left: unknown, right: unknown): string {
  return JSON.stringify(merge(left, right));
}

function merge(left: unknown, right: unknown): unknown {
  if (!isRecord(left) || !isRecord(right)) return right;
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return Object.fromEntries([...keys].map((key) => [key, key in right ? merge(left[key], right[key]) : left[key]]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
