import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { z } from 'zod';
import { gatewayConfig } from '../../gateway/src/config.ts';
import { configSchema as ordersConfig } from '../../services/orders/src/config.ts';
import { configSchema as relayConfig } from '../../services/outbox-relay/src/config.ts';
import { configSchema as paymentsConfig } from '../../services/payments/src/config.ts';
import { find, renderObjects, type KubernetesObject } from './support/helm.ts';

const processes = {
  gateway: gatewayConfig,
  orders: ordersConfig,
  payments: paymentsConfig,
  'orders-outbox-relay': relayConfig,
  'payments-outbox-relay': relayConfig,
};

let objects: KubernetesObject[];

beforeAll(async () => {
  objects = await renderObjects({});
});

describe.each(Object.entries(processes))('%s', (part, schema) => {
  test('gets a value for each of its settings, and knows each that it gets', () => {
    expect(Object.keys(environmentOf(part)).sort()).toEqual(settingsOf(schema).sort());
  });

  test('starts with what the chart gives it', () => {
    const parsed = schema.safeParse(environmentOf(part));
    expect(parsed.error?.issues ?? []).toEqual([]);
  });
});

test('without a change, each process gets the default that it has by itself', () => {
  for (const [part, schema] of Object.entries(processes)) {
    const given = schema.parse(environmentOf(part)) as Record<string, unknown>;
    const needed = Object.fromEntries(
      Object.entries(environmentOf(part)).filter(([name]) => !/_MS$|_HOURS$|_MAX$|_SIZE$|LEVEL$/.test(name)),
    );
    expect(given).toEqual(schema.parse(needed));
  }
});

/** The names in the schema of an environment. */
function settingsOf(schema: z.ZodType): string[] {
  const { def } = schema as unknown as { def: { type: string; in?: z.ZodObject } };
  return Object.keys((def.in ?? (schema as z.ZodObject)).shape);
}

/** What the process would find in its environment, with a file that is there for each that is mounted. */
function environmentOf(part: string): Record<string, string> {
  interface Variable {
    readonly name: string;
    readonly value?: string;
  }
  const { spec } = find<{ template: { spec: { containers: [{ env?: Variable[] }] } } }>(
    objects,
    'Deployment',
    `shop-${part}`,
  );
  const config = find(objects, 'ConfigMap', `shop-${part}`)['data'] as Record<string, string>;
  const own = (spec.template.spec.containers[0].env ?? []).map(({ name, value }) => {
    if (name.endsWith('_FILE')) return [name, fileURLToPath(import.meta.url)];
    return [name, value ?? 'postgresql://role:password@host:5432/database'];
  });
  return { ...config, ...(Object.fromEntries(own) as Record<string, string>) };
}
