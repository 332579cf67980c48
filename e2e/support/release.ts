import { eventually, helm, kubectl, namespace, read, release, run } from './commands.ts';

/** The chart to install: a folder or an archive with its dependencies inside. */
const chart = process.env.E2E_CHART ?? '.';
/** More arguments for helm, separated by spaces, such as --set global.image.registry=... or -f values.yaml. */
const arguments_ = (process.env.E2E_HELM_ARGUMENTS ?? '').split(' ').filter((argument) => argument !== '');

/** The Ingress's host. No controller has to know of it: the suites go the way that it describes. */
export const host = 'shop.example.test';
/** Connections between services last this long instead of five minutes, so that scaling out shows sooner. */
export const connectionAgeMs = 20_000;

const everySuite = [
  'gateway.ingress.enabled=true',
  'gateway.ingress.className=e2e',
  `gateway.ingress.hosts[0]=${host}`,
  `orders.grpcConnectionAgeMs=${connectionAgeMs}`,
  `payments.grpcConnectionAgeMs=${connectionAgeMs}`,
];

/** The five processes, each a Deployment. */
export const deployments = ['gateway', 'orders', 'payments', 'orders-outbox-relay', 'payments-outbox-relay'] as const;

// The longest that an install may take from `helm install` to every pod Ready, images at hand.
const installLimitMs = 300_000;

/** Installs the release, or changes it. Returns how long it took until every pod was Ready. */
export async function installOrUpgrade(settings: readonly string[] = []): Promise<number> {
  const begun = Date.now();
  const set = [...everySuite, ...settings].flatMap((setting) => ['--set', setting]);
  await helm(
    [
      'upgrade',
      '--install',
      release,
      chart,
      ...arguments_,
      ...set,
      '--wait',
      '--timeout',
      `${installLimitMs / 1_000}s`,
    ],
    { timeoutMs: installLimitMs + 30_000 },
  );
  await everyPodReady(Math.max(begun + installLimitMs - Date.now(), 10_000));
  return Date.now() - begun;
}

// A namespace with pods that may take long to end, and PostgreSQL's may take half an hour, is looked at again after half of
// that time only. So what makes them goes first: topics and users while Kafka is there to ask, and then all that has pods.
const inOrder = ['kafkatopic,kafkauser', 'deployment,kafkanodepool,kafka,clusters.postgresql.cnpg.io', 'pod'];

/** A namespace without anything in it that enforces the restricted Pod Security Standard. */
export async function emptyNamespace(): Promise<void> {
  for (const kinds of inOrder)
    // A cluster with a Kafka or a PostgreSQL of its own may not know these.
    await kubectl(['delete', kinds, '--all', '--timeout=180s'], { timeoutMs: 190_000 }).catch(() => undefined);
  await run('kubectl', ['delete', 'namespace', namespace, '--ignore-not-found', '--wait', '--timeout=180s'], {
    timeoutMs: 190_000,
  });
  await run('kubectl', ['apply', '-f', '-'], {
    input: JSON.stringify({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: namespace,
        labels: {
          'pod-security.kubernetes.io/enforce': 'restricted',
          'pod-security.kubernetes.io/warn': 'restricted',
        },
      },
    }),
  });
}

/** For suites that run alone: the release, if it is not there yet. */
export async function ensureInstalled(): Promise<void> {
  const list = JSON.parse(await helm(['list', '-o', 'json'])) as Array<{ name: string; status: string }>;
  if (list.some(({ name, status }) => name === release && status === 'deployed')) return;
  await emptyNamespace();
  await installOrUpgrade();
}

export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: ReadonlyArray<{ readonly kind: string }>;
  };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly conditions?: ReadonlyArray<{ readonly type: string; readonly status: string }>;
    readonly containerStatuses?: ReadonlyArray<{
      readonly name: string;
      readonly restartCount: number;
      readonly lastState?: { readonly terminated?: { readonly exitCode: number } };
    }>;
  };
}

export async function pods(selector?: string): Promise<Pod[]> {
  const { items } = await read<{ items: Pod[] }>(['get', 'pods', ...(selector === undefined ? [] : ['-l', selector])]);
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** Finds the pods of one of the release's own parts. */
export function selectorOf(part: string): string {
  return `app.kubernetes.io/name=${part},app.kubernetes.io/instance=${release}`;
}

export async function podsOf(part: string): Promise<Pod[]> {
  return await pods(selectorOf(part));
}

export function isReady({ status }: Pod): boolean {
  return status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
}

interface PostgresCluster {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly instances: number };
  readonly status?: { readonly readyInstances?: number };
}

/** CloudNativePG makes one server after another, so there are moments at which all pods that are there are Ready. */
async function postgresClusters(): Promise<PostgresCluster[]> {
  const none = { items: [] };
  // With a PostgreSQL of its own a cluster may not know the kind.
  return (await read<{ items: PostgresCluster[] }>(['get', 'clusters.postgresql.cnpg.io']).catch(() => none)).items;
}

/** Jobs and the suites' own clients end; everything else has to be Ready. */
export async function everyPodReady(timeoutMs: number): Promise<void> {
  await eventually(timeoutMs, async () => {
    const all = (await pods()).filter(({ status }) => status.phase !== 'Succeeded');
    const waiting = all.filter((pod) => !isReady(pod) && pod.metadata.labels['e2e'] === undefined);
    if (all.length === 0) throw new Error('There are no pods.');
    if (waiting.length > 0) throw new Error(`Not Ready: ${waiting.map(({ metadata }) => metadata.name).join(', ')}`);
    const databases = (await postgresClusters()).filter(
      ({ spec, status }) => status?.readyInstances !== spec.instances,
    );
    if (databases.length > 0)
      throw new Error(`Not whole: ${databases.map(({ metadata }) => metadata.name).join(', ')}`);
  });
}
