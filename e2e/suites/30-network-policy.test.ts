import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, namespace, read, release, run } from '../support/commands.ts';
import { execute, reaches, startGuest } from '../support/guest.ts';
import { deployments, ensureInstalled, isReady, pods, podsOf, selectorOf } from '../support/release.ts';

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

/** What is known to listen where, so that an empty list of ports is no success. */
const known: ReadonlyArray<readonly [selector: string, ports: readonly number[]]> = [
  ...deployments.map((part) => [selectorOf(part), [9100]] as const),
  // Controllers, brokers among themselves, clients.
  [`strimzi.io/name=${release}-kafka`, [9090, 9091, 9093]],
  // PostgreSQL, the instance manager, metrics.
  ...['orders', 'payments', 'registry'].map(
    (of) => [`cnpg.io/cluster=${release}-${of}-db`, [5432, 8000, 9187]] as const,
  ),
  [selectorOf('apicurio-registry'), [8080, 9000]],
];

/** The ports of a pod that more than the pod itself may reach, as its kernel has them: none that somebody adds is forgotten. */
async function listeningPorts(pod: string): Promise<number[]> {
  const table = await execute(pod, ['sh', '-c', 'cat /proc/net/tcp*']);
  const sockets = table.split('\n').map((line) => line.trim().split(/\s+/));
  const open = sockets.flatMap(([, local = '', , state]) => (state === '0A' ? [local.split(':')] : []));
  const ports = open.filter(([address = '']) => !/(0100007F|01000000)$/.test(address)).map(([, port = '']) => port);
  return [...new Set(ports)].map((port) => Number.parseInt(port, 16));
}

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

  test('keep strangers away from all else that listens in the pods: metrics, brokers, servers of the databases', async () => {
    const listening = new Map<string, number[]>();
    const addresses: string[] = [];
    for (const pod of (await pods()).filter((pod) => isReady(pod) && pod.metadata.labels['e2e'] === undefined)) {
      const { name, labels } = pod.metadata;
      const ports = await listeningPorts(name);
      listening.set(name, ports);
      const isApi = (port: number): boolean => labels['app.kubernetes.io/name'] === 'gateway' && port === 8080;
      addresses.push(...ports.filter((port) => !isApi(port)).map((port) => `${pod.status.podIP}:${port}`));
    }
    for (const [selector, ports] of known) {
      const found = await pods(selector);
      expect(found).not.toEqual([]);
      for (const { metadata } of found)
        expect(listening.get(metadata.name)).toEqual(expect.arrayContaining([...ports]));
    }
    for (const where of [namespace, elsewhere]) {
      await startGuest({ name: 'stranger', command: ['node', '-e', 'setInterval(() => {}, 1000)'], namespace: where });
      await eventually(appliedLimitMs, async () => expect(await reaches('stranger', addresses, where)).toEqual([]));
    }
  });
});
