import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, namespace, read, release, run } from '../support/commands.ts';
import { reaches, startGuest } from '../support/guest.ts';
import { ensureInstalled, podsOf } from '../support/release.ts';

const elsewhere = `${namespace}-elsewhere`;
const names = {
  orders: `${release}-orders:50051`,
  payments: `${release}-payments:50051`,
  ordersDb: `${release}-orders-db-rw:5432`,
  paymentsDb: `${release}-payments-db-rw:5432`,
  registryDb: `${release}-registry-db-rw:5432`,
  kafka: `${release}-kafka-bootstrap:9093`,
  registry: `${release}-apicurio-registry:8080`,
} as const;
type Target = keyof typeof names | 'gateway';

/** What each part needs, and so what it may reach: everything else is refused. */
const allowed: Readonly<Record<string, readonly Target[]>> = {
  gateway: ['orders', 'payments'],
  orders: ['payments', 'ordersDb', 'kafka', 'registry'],
  payments: ['paymentsDb', 'kafka', 'registry'],
  'orders-outbox-relay': ['ordersDb', 'kafka'],
  'payments-outbox-relay': ['paymentsDb', 'kafka'],
};

// Whoever enforces policies may learn of a new pod some time after the pod has started.
const appliedLimitMs = 30_000;

describe('the network policies', () => {
  let targets: Record<Target, string>;

  beforeAll(async () => {
    await ensureInstalled();
    const { spec } = await read<{ spec: { ports: Array<{ port: number }> } }>(['get', 'service', `${release}-gateway`]);
    targets = { ...names, gateway: `${release}-gateway:${spec.ports[0]?.port ?? 80}` };
    await run('kubectl', ['create', 'namespace', elsewhere]).catch(() => undefined);
  });

  afterAll(async () => {
    await run('kubectl', ['-n', namespace, 'delete', 'pod', 'stranger', '--ignore-not-found', '--now'], { timeoutMs: 60_000 }); // prettier-ignore
    await run('kubectl', ['delete', 'namespace', elsewhere, '--ignore-not-found'], { timeoutMs: 120_000 });
  });

  const reachedBy = async (pod: string, inNamespace?: string): Promise<string[]> => {
    const address = (target: Target): string => {
      const [host, port] = targets[target].split(':');
      return `${host}.${namespace}.svc:${port}`;
    };
    const all = Object.keys(targets) as Target[];
    const reached = await reaches(pod, all.map(address), inNamespace);
    return all.filter((target) => reached.includes(address(target)));
  };

  test('let each part reach what it needs, and nothing else', async () => {
    await eventually(appliedLimitMs, async () => {
      const reached = Object.keys(allowed).map(async (part) => {
        const [pod] = await podsOf(part);
        const targets = await reachedBy(pod?.metadata.name ?? '');
        // No policy keeps a pod from itself.
        return [part, targets.filter((target) => target !== part)] as const;
      });
      expect(Object.fromEntries(await Promise.all(reached))).toEqual(allowed);
    });
  });

  test('let a stranger in the namespace, and one elsewhere, reach the gateway alone', async () => {
    const command = ['node', '-e', 'setInterval(() => {}, 1000)'];
    await startGuest({ name: 'stranger', command });
    await eventually(appliedLimitMs, async () => expect(await reachedBy('stranger')).toEqual(['gateway']));
    await startGuest({ name: 'stranger', command, namespace: elsewhere });
    await eventually(appliedLimitMs, async () => expect(await reachedBy('stranger', elsewhere)).toEqual(['gateway']));
  });

  test('keep strangers away from the metrics and brokers behind the Services', async () => {
    const addresses: string[] = [];
    for (const part of Object.keys(allowed))
      addresses.push(...(await podsOf(part)).map(({ status }) => `${status.podIP}:9100`));
    expect(addresses.length).toBeGreaterThanOrEqual(5);
    await startGuest({ name: 'stranger', command: ['node', '-e', 'setInterval(() => {}, 1000)'] });
    await eventually(appliedLimitMs, async () => expect(await reaches('stranger', addresses)).toEqual([]));
  });
});
