import { namespace, read, release, run } from './commands.ts';

// Pods of the suites' own in the cluster. They run on the gateway's image, because it is there and has Node.

interface Guest {
  readonly name: string;
  readonly namespace?: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A ConfigMap whose keys are files' paths, with dots for slashes. */
  readonly files?: { readonly configMap: string; readonly mountPath: string; readonly paths: readonly string[] };
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
  const { files } = guest;
  const items = files?.paths.map((path) => ({ key: path.replaceAll('/', '.'), path }));
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: guest.name, namespace: where, labels: { e2e: guest.name } },
    spec: {
      restartPolicy: 'Never',
      // Whatever became of the suite that started it.
      activeDeadlineSeconds: 1_800,
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
          volumeMounts: files === undefined ? [] : [{ name: 'files', mountPath: files.mountPath }],
        },
      ],
      volumes: files === undefined ? [] : [{ name: 'files', configMap: { name: files.configMap, items } }],
    },
  };
  await run('kubectl', ['apply', '-f', '-'], { input: JSON.stringify(pod) });
  await run('kubectl', ['-n', where, 'wait', '--for=condition=Ready', `pod/${guest.name}`, '--timeout=60s'], {
    timeoutMs: 65_000,
  });
}

export async function execute(pod: string, command: readonly string[], inNamespace = namespace): Promise<string> {
  return await run('kubectl', ['-n', inNamespace, 'exec', pod, '--', ...command]);
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
  const output = await execute(pod, ['node', '-e', script, ...targets], inNamespace);
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as string[];
}
