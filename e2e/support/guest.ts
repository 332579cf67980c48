import { readFile } from 'node:fs/promises';
import { eventually, kubectl, namespace, read, release, run } from './commands.ts';

// Pods of the suites' own in the cluster. They run on the gateway's image, because it is there and has Node.

interface Guest {
  readonly name: string;
  readonly namespace?: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files of e2e/client to be found under /e2e. */
  readonly configMap?: string;
}

export async function startGuest(guest: Guest): Promise<void> {
  const where = guest.namespace ?? namespace;
  const { spec } = await read<{ spec: { template: { spec: { containers: Array<Record<string, string>> } } } }>([
    'get',
    'deployment',
    `${release}-gateway`,
  ]);
  const { image, imagePullPolicy } = spec.template.spec.containers[0] ?? {};
  await run('kubectl', ['-n', where, 'delete', 'pod', guest.name, '--ignore-not-found', '--now'], {
    timeoutMs: 60_000,
  });
  const { configMap } = guest;
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: guest.name, namespace: where, labels: { e2e: guest.name } },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'guest',
          image,
          imagePullPolicy,
          command: guest.command,
          env: Object.entries(guest.env ?? {}).map(([name, value]) => ({ name, value })),
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          volumeMounts: configMap === undefined ? [] : [{ name: 'client', mountPath: '/e2e' }],
        },
      ],
      volumes: configMap === undefined ? [] : [{ name: 'client', configMap: { name: configMap } }],
    },
  };
  await run('kubectl', ['apply', '-f', '-'], { input: JSON.stringify(pod) });
  await run('kubectl', ['-n', where, 'wait', '--for=condition=Ready', `pod/${guest.name}`, '--timeout=60s'], {
    timeoutMs: 65_000,
  });
}

/** What the load client saw; see client/load.ts. */
export interface LoadReport {
  readonly sent: number;
  readonly taken: number;
  readonly distinct: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly unresolved: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly unsettled: number;
  readonly wrongBalances: readonly string[];
}

/** Orders from inside the cluster, through the gateway's Service, until stopped. */
export async function startLoad(): Promise<{ stop: () => Promise<LoadReport> }> {
  const text = await readFile(new URL('../client/load.ts', import.meta.url), 'utf8');
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'load' }, data: { 'load.mts': text } };
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(configMap) });
  const { spec } = await read<{ spec: { ports: Array<{ port: number }> } }>(['get', 'service', `${release}-gateway`]);
  await startGuest({
    name: 'load',
    command: ['node', '/e2e/load.mts'],
    env: { BASE_URL: `http://${release}-gateway:${spec.ports[0]?.port ?? 80}` },
    configMap: 'load',
  });
  const said = async (): Promise<string> => await kubectl(['logs', 'load']);
  await eventually(60_000, async () => {
    if (!(await said()).includes('ready')) throw new Error('The load did not begin.');
  });
  return {
    stop: async () => {
      await kubectl(['exec', 'load', '--', 'touch', '/tmp/stop']);
      await kubectl(['wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/load', '--timeout=300s'], {
        timeoutMs: 305_000,
      });
      const report = JSON.parse((await said()).trim().split('\n').at(-1) ?? '') as LoadReport;
      process.stderr.write(`load: ${JSON.stringify(report)}\n`);
      return report;
    },
  };
}

/** Whether a TCP connection comes about, tried inside a container of the pod. Policies drop, so silence is a no. */
export async function reaches(pod: string, targets: readonly string[], inNamespace = namespace): Promise<string[]> {
  const script = `
    const { connect } = require('node:net');
    const open = (target) => new Promise((resolve) => {
      const [host, port] = target.split(':');
      const socket = connect({ host, port: Number(port), timeout: 3000 });
      const end = (reached) => { socket.destroy(); resolve(reached ? [target] : []); };
      socket.on('connect', () => end(true)).on('error', () => end(false)).on('timeout', () => end(false));
    });
    Promise.all(process.argv.slice(1).map(open)).then((all) => console.log(JSON.stringify(all.flat())));`;
  const output = await run('kubectl', ['-n', inNamespace, 'exec', pod, '--', 'node', '-e', script, ...targets]);
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as string[];
}
