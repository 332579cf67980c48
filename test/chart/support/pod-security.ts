import type { KubernetesObject } from './helm.ts';

export interface SecurityContext {
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly privileged?: boolean;
  readonly procMount?: string;
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  readonly seccompProfile?: { readonly type: string };
  readonly sysctls?: readonly unknown[];
}

export interface Container {
  readonly name: string;
  readonly securityContext?: SecurityContext;
  readonly ports?: ReadonlyArray<{ readonly hostPort?: number }>;
}

export interface PodSpec {
  readonly automountServiceAccountToken?: boolean;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly securityContext?: SecurityContext;
  readonly volumes?: ReadonlyArray<Readonly<Record<string, unknown>>>;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
}

/** Every pod among the objects, and every pod that one of them makes. */
export function podsOf(objects: readonly KubernetesObject[]): Array<{ name: string; spec: PodSpec }> {
  return objects.flatMap(({ kind, metadata, spec }) => {
    const name = `${kind} ${metadata.name}`;
    if (kind === 'Pod') return [{ name, spec: spec as PodSpec }];
    if (kind === 'Deployment') return [{ name, spec: (spec as { template: { spec: PodSpec } }).template.spec }];
    return [];
  });
}

const volumesAllowed = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

/** What the level "restricted" of https://kubernetes.io/docs/concepts/security/pod-security-standards/ refuses. */
export function violations(pod: PodSpec): string[] {
  const found: string[] = [];
  if (pod.hostNetwork || pod.hostPID || pod.hostIPC) found.push('it shares the namespaces of its node');
  for (const volume of pod.volumes ?? []) {
    const type = Object.keys(volume).find((key) => key !== 'name') ?? 'emptyDir';
    if (!volumesAllowed.includes(type)) found.push(`it has a volume of type ${type}`);
  }
  if ((pod.securityContext?.sysctls ?? []).length > 0) found.push('it sets sysctls');
  for (const container of [...pod.containers, ...(pod.initContainers ?? [])])
    found.push(...containerViolations(container, pod.securityContext).map((what) => `${container.name} ${what}`));
  return found;
}

function containerViolations(container: Container, pod: SecurityContext | undefined): string[] {
  const own = container.securityContext ?? {};
  const capabilities = own.capabilities;
  const profile = (own.seccompProfile ?? pod?.seccompProfile)?.type;
  const rules: Array<[boolean, string]> = [
    [own.privileged === true, 'is privileged'],
    [own.allowPrivilegeEscalation !== false, 'may escalate its privileges'],
    [(own.runAsNonRoot ?? pod?.runAsNonRoot) !== true, 'may run as root'],
    [(own.runAsUser ?? pod?.runAsUser) === 0, 'runs as root'],
    [capabilities?.drop?.includes('ALL') !== true, 'keeps capabilities'],
    [(capabilities?.add ?? []).some((name) => name !== 'NET_BIND_SERVICE'), 'adds capabilities'],
    [profile !== 'RuntimeDefault' && profile !== 'Localhost', 'has no seccomp profile'],
    [(own.procMount ?? 'Default') !== 'Default', 'sees all of /proc'],
    [
      (container.ports ?? []).some(({ hostPort }) => hostPort !== undefined && hostPort !== 0),
      'takes a port of its node',
    ],
  ];
  return rules.filter(([violated]) => violated).map(([, what]) => what);
}
