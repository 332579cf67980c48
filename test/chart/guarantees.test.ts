import { beforeAll, describe, expect, test } from '@jest/globals';
import { find, renderObjects, type KubernetesObject } from './support/helm.ts';

interface Deployment {
  readonly replicas?: number;
  readonly template: {
    readonly metadata: { readonly labels: Record<string, string>; readonly annotations: Record<string, string> };
    readonly spec: {
      readonly serviceAccountName: string;
      readonly terminationGracePeriodSeconds: number;
      readonly topologySpreadConstraints: unknown[];
      readonly volumes: unknown[];
      readonly initContainers?: Container[];
      readonly containers: [Container];
    };
  };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: string[];
  readonly env?: Array<{ name: string; value?: string; valueFrom?: { secretKeyRef: { name: string; key: string } } }>;
  readonly resources: { readonly requests: Record<string, string>; readonly limits: Record<string, string> };
  readonly lifecycle: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
  readonly [probe: `${string}Probe`]: unknown;
}

const parts = ['gateway', 'orders', 'payments', 'orders-outbox-relay', 'payments-outbox-relay', 'apicurio-registry'];

let standard: KubernetesObject[];
let available: KubernetesObject[];
let brought: KubernetesObject[];

beforeAll(async () => {
  [standard, available, brought] = await Promise.all([
    renderObjects({}),
    renderObjects({ size: 'high-availability' }),
    renderObjects({ size: 'bring-your-own' }),
  ]);
});

describe.each(parts)('%s', (part) => {
  const deployment = (): Deployment => find<Deployment>(standard, 'Deployment', `shop-${part}`).spec;

  test('has two pods, of which one may be away', () => {
    expect(deployment().replicas).toBe(2);
    const budget = find<{ maxUnavailable: number; selector: { matchLabels: Record<string, string> } }>(
      standard,
      'PodDisruptionBudget',
      `shop-${part}`,
    );
    expect(budget.spec.maxUnavailable).toBe(1);
    expect(deployment().template.metadata.labels).toMatchObject(budget.spec.selector.matchLabels);
  });

  test('has the recommended labels, and pods that are new when its configuration is', async () => {
    const { labels } = deployment().template.metadata;
    for (const label of ['name', 'instance', 'component', 'part-of', 'version', 'managed-by'])
      expect(labels[`app.kubernetes.io/${label}`]).toMatch(/./);
    const changed = await renderObjects({
      values: JSON.stringify({ global: { logLevel: 'debug' }, 'apicurio-registry': { logLevel: 'DEBUG' } }),
    });
    const checksum = (objects: KubernetesObject[]): string | undefined =>
      find<Deployment>(objects, 'Deployment', `shop-${part}`).spec.template.metadata.annotations['checksum/config'];
    expect(checksum(changed)).not.toBe(checksum(standard));
  });

  test('has probes, a pause before it stops and time to finish', () => {
    const { terminationGracePeriodSeconds, containers } = deployment().template.spec;
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'] as const)
      expect(containers[0][probe]).toBeDefined();
    const pauseSeconds = containers[0].lifecycle.preStop.sleep.seconds;
    expect(pauseSeconds).toBeGreaterThan(0);
    // lifecycle.ts gives a process 20 s.
    expect(terminationGracePeriodSeconds - pauseSeconds).toBeGreaterThan(20);
  });

  test('has an account of its own, resources, and a spread over nodes and zones', () => {
    const {
      serviceAccountName,
      containers,
      initContainers = [],
      topologySpreadConstraints,
    } = deployment().template.spec;
    expect(serviceAccountName).toBe(`shop-${part}`);
    expect(find(standard, 'ServiceAccount', serviceAccountName)['automountServiceAccountToken']).toBe(false);
    expect(topologySpreadConstraints).toHaveLength(2);
    for (const { resources } of [...containers, ...initContainers]) {
      expect(Object.keys(resources.requests)).toEqual(expect.arrayContaining(['cpu', 'memory']));
      expect(Object.keys(resources.limits)).toContain('memory');
    }
  });

  test('has a policy that names who may reach it and whom it may reach', () => {
    const policy = find<{ policyTypes: string[]; podSelector: { matchLabels: Record<string, string> } }>(
      standard,
      'NetworkPolicy',
      `shop-${part}`,
    );
    expect(policy.spec.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(deployment().template.metadata.labels).toMatchObject(policy.spec.podSelector.matchLabels);
  });
});

describe('secrets', () => {
  const uris = (objects: KubernetesObject[], part: string): Array<[string, string | undefined]> => {
    const { containers, initContainers = [] } = find<Deployment>(objects, 'Deployment', `shop-${part}`).spec.template
      .spec;
    return [...initContainers, ...containers].map(({ name, env = [] }) => [
      name,
      env.find((variable) => variable.name === 'DATABASE_URL')?.valueFrom?.secretKeyRef.name,
    ]);
  };

  test('each process logs in with its own role, and the owner is in the migration alone', () => {
    expect(uris(standard, 'orders')).toEqual([
      ['migrate', 'shop-orders-db-app'],
      ['register-schemas', undefined],
      ['orders', 'shop-orders-db-service'],
    ]);
    expect(uris(standard, 'payments-outbox-relay')).toEqual([['payments-outbox-relay', 'shop-payments-db-relay']]);
  });

  test('those that were brought are used where they are named', () => {
    expect(uris(brought, 'payments')).toEqual([
      ['migrate', 'payments-owner'],
      ['register-schemas', undefined],
      ['payments', 'payments-service'],
    ]);
    expect(brought.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    const orders = find<Deployment>(brought, 'Deployment', 'shop-orders').spec.template.spec;
    const text = JSON.stringify(orders.volumes);
    for (const secret of ['postgres-ca', 'kafka-ca', 'kafka-orders'])
      expect(text).toContain(`"secretName":"${secret}"`);
  });

  test('the key of the certificate authority stays outside of our pods', () => {
    const volumes = JSON.stringify(standard.filter(({ kind }) => kind === 'Deployment' || kind === 'Pod'));
    expect(volumes).not.toContain('ca.key');
    const whole = /"secret":\{"secretName"/;
    expect(volumes).not.toMatch(whole);
  });

  test('every role of a database has its password in a secret that the cluster reads', () => {
    const { managed } = find<{ managed: { roles: Array<{ name: string; passwordSecret: { name: string } }> } }>(
      standard,
      'Cluster',
      'shop-orders-db',
    ).spec;
    expect(managed.roles.map(({ name }) => name)).toEqual(['orders_service', 'orders_relay', 'orders_ops']);
    for (const { name, passwordSecret } of managed.roles) {
      const data = find(standard, 'Secret', passwordSecret.name)['stringData'] as Record<string, string>;
      expect(data['username']).toBe(name);
      expect(data['uri']).toBe(`postgresql://${name}:${data['password']}@shop-orders-db-rw.store:5432/orders`);
    }
  });
});

describe('data', () => {
  test('what holds data, its passwords and its protection stay when the release goes', () => {
    const kept = standard.filter(({ metadata }) => metadata.annotations?.['helm.sh/resource-policy'] === 'keep');
    const kinds = (list: KubernetesObject[]): string[] => [...new Set(list.map(({ kind }) => kind))].sort();
    expect(kinds(kept)).toEqual(['Cluster', 'Kafka', 'KafkaNodePool', 'KafkaTopic', 'NetworkPolicy', 'Secret']);
    for (const kind of ['Cluster', 'Kafka', 'KafkaNodePool', 'KafkaTopic', 'Secret'])
      expect(standard.filter((object) => object.kind === kind && !kept.includes(object))).toEqual([]);
  });

  test('nothing but the test is a hook: Helm would delete and make it anew at each upgrade', () => {
    const hooks = standard.filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] !== undefined);
    expect(hooks.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual(['Pod shop-test']);
  });

  test('with three servers a commit is on two before it is acknowledged, with one it need not be', () => {
    const synchronous = { method: 'any', number: 1, dataDurability: 'required', failoverQuorum: true };
    for (const database of ['orders', 'payments', 'registry']) {
      const postgresql = (objects: KubernetesObject[]): { synchronous?: object } =>
        find<{ postgresql: { synchronous?: object } }>(objects, 'Cluster', `shop-${database}-db`).spec.postgresql;
      expect(postgresql(available).synchronous).toEqual(synchronous);
      expect(postgresql(standard).synchronous).toBeUndefined();
    }
  });
});

describe('Kafka', () => {
  interface Topic {
    readonly partitions: number;
    readonly replicas: number;
    readonly config: Record<string, unknown>;
  }

  test.each(['orders', 'payments'])('has the topic of %s with 12 partitions that kafkajs can read', (part) => {
    const { partitions, replicas, config } = find<Topic>(standard, 'KafkaTopic', `shop-${part}-events`).spec;
    expect({ partitions, replicas }).toEqual({ partitions: 12, replicas: 1 });
    expect(config['compression.type']).toBe('uncompressed');
  });

  test('with three nodes has every event on three, and on two before it is acknowledged', () => {
    const { replicas, config } = find<Topic>(available, 'KafkaTopic', 'shop-orders-events').spec;
    expect({ replicas, inSync: config['min.insync.replicas'] }).toEqual({ replicas: 3, inSync: 2 });
  });

  test('lets in only who has a certificate, and each by its names alone', () => {
    interface Acl {
      readonly resource: { readonly type: string; readonly name: string; readonly patternType: string };
      readonly operations: string[];
    }
    const { kafka } = find<{ kafka: { listeners: object[]; authorization: object } }>(standard, 'Kafka', 'shop').spec;
    expect(kafka.listeners).toHaveLength(1);
    expect(kafka.listeners[0]).toMatchObject({ port: 9093, tls: true, authentication: { type: 'tls' } });
    expect(kafka.authorization).toEqual({ type: 'simple' });
    const rights = (user: string): string[] =>
      find<{ authorization: { acls: Acl[] } }>(standard, 'KafkaUser', `shop-${user}`).spec.authorization.acls.map(
        ({ resource, operations }) =>
          `${resource.patternType} ${resource.type} ${resource.name}: ${operations.join(' ')}`,
      );
    const writer = ['literal topic orders.events: Write Describe', 'literal topic payments.events: Write Describe'];
    expect(rights('orders')).toEqual(['literal topic payments.events: Read Describe', 'literal group orders: Read']);
    expect(rights('payments')).toEqual(['literal topic orders.events: Read Describe', 'literal group payments: Read']);
    expect(rights('orders-outbox-relay')).toEqual(writer);
    expect(rights('payments-outbox-relay')).toEqual(writer);
  });
});

test('a gRPC service is headless, so that clients go round its pods, and its name is never empty while there are some', () => {
  for (const part of ['orders', 'payments'])
    expect(find(standard, 'Service', `shop-${part}`).spec).toMatchObject({
      clusterIP: 'None',
      publishNotReadyAddresses: true,
    });
});

test('an Ingress has its class, hosts and TLS from the values', () => {
  const { spec } = find<Record<string, unknown>>(available, 'Ingress', 'shop-gateway');
  expect(spec).toMatchObject({
    ingressClassName: 'nginx',
    tls: [{ secretName: 'pay-example-com-tls', hosts: ['pay.example.com'] }],
    rules: [{ host: 'pay.example.com', http: { paths: [{ path: '/', pathType: 'Prefix' }] } }],
  });
});

test('all images come from one registry with one tag where the values say so', async () => {
  const values = JSON.stringify({
    global: { image: { registry: 'ghcr.io/acme', tag: '1.2.3' } },
    orders: { image: { tag: '1.2.4' } },
  });
  const images = JSON.stringify(await renderObjects({ values })).matchAll(/"image":"([^"]*order-payments[^"]*)"/g);
  expect([...new Set([...images].map(([, image]) => image))].sort()).toEqual([
    'ghcr.io/acme/order-payments/gateway:1.2.3',
    'ghcr.io/acme/order-payments/ops:1.2.3',
    'ghcr.io/acme/order-payments/orders:1.2.4',
    'ghcr.io/acme/order-payments/outbox-relay:1.2.3',
    'ghcr.io/acme/order-payments/payments:1.2.3',
  ]);
});
