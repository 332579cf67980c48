import { parseAllDocuments } from 'yaml';
import { run } from '@order-payments/local/chart/run.ts';
import { installTool, type Tool } from '@order-payments/local/chart/tools.ts';
import { chart, sizeFile, type sizes } from './places.ts';

export const helms = ['helm-4', 'helm-3'] as const;
export type Helm = (typeof helms)[number];

/** The Kubernetes that the schemas are of. Built by go install, Helm 3 would believe in a much older one. */
export const kubeVersion = '1.35.4';

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
  readonly [key: string]: unknown;
}

export interface Rendering {
  readonly helm?: Helm;
  readonly release?: string;
  readonly size?: (typeof sizes)[number];
  /** Values beside the file's, as JSON or YAML. */
  readonly values?: string;
  readonly args?: readonly string[];
}

/** What the chart makes, as text. Rejects with what Helm says where it refuses. */
export async function render({
  helm = 'helm-4',
  release = 'shop',
  size,
  values,
  args = [],
}: Rendering): Promise<string> {
  const files = [...(size === undefined ? [] : ['-f', sizeFile(size)]), ...(values === undefined ? [] : ['-f', '-'])];
  const template = ['template', release, chart, '--namespace', 'store', '--kube-version', kubeVersion];
  return await run(await tool(helm), [...template, ...files, ...args], values === undefined ? {} : { input: values });
}

export async function renderObjects(rendering: Rendering): Promise<KubernetesObject[]> {
  return parseObjects(await render(rendering));
}

export function parseObjects(text: string): KubernetesObject[] {
  const documents = parseAllDocuments(text);
  return [...documents]
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null);
}

/** The program, which the set-up has built. */
export async function tool(name: Tool): Promise<string> {
  return await installTool(name, () => undefined);
}

/** The only object of that kind and name; for a part's name, without the release's. */
export function find<Spec>(
  objects: readonly KubernetesObject[],
  kind: string,
  name: string,
): KubernetesObject & { spec: Spec } {
  const found = objects.filter((object) => object.kind === kind && object.metadata.name === name);
  if (found.length !== 1) throw new Error(`There are ${found.length} of ${kind} ${name}.`);
  return found[0] as KubernetesObject & { spec: Spec };
}
