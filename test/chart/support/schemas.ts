import { parse } from 'yaml';

/** A JSON schema, as far as this file looks into it. */
export interface Schema {
  [keyword: string]: unknown;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
}

/** Kubernetes' own kinds that the chart may make, and whose schemas are therefore needed. */
const kinds = [
  'v1/ConfigMap',
  'v1/Pod',
  'v1/Secret',
  'v1/Service',
  'v1/ServiceAccount',
  'apps/v1/Deployment',
  'autoscaling/v2/HorizontalPodAutoscaler',
  'networking.k8s.io/v1/Ingress',
  'networking.k8s.io/v1/NetworkPolicy',
  'policy/v1/PodDisruptionBudget',
];

/** The name that kubeconform looks for: kind, the group's first word, version. */
function fileName(group: string, version: string, kind: string): string {
  const words = [kind.toLowerCase(), ...(group === '' ? [] : [group.split('.')[0]]), version];
  return `${words.join('-')}.json`;
}

/** One file a kind of Kubernetes' own API. A property that the API does not have is refused. */
export function kubernetesSchemas(openApi: string): Map<string, string> {
  const { definitions } = JSON.parse(openApi) as { definitions: Record<string, Schema> };
  const closed = Object.fromEntries(
    Object.entries(definitions).map(([name, schema]) => [name, special(name) ?? close(schema)]),
  );
  const schemas = new Map<string, string>();
  for (const [name, schema] of Object.entries(closed)) {
    const identities = (schema['x-kubernetes-group-version-kind'] ?? []) as Array<
      Record<'group' | 'version' | 'kind', string>
    >;
    for (const { group, version, kind } of identities) {
      if (!kinds.includes([group, version, kind].filter(Boolean).join('/'))) continue;
      const text = JSON.stringify({ $ref: `#/definitions/${name}`, definitions: reachable(name, closed) });
      schemas.set(fileName(group, version, kind), text);
    }
  }
  return schemas;
}

/** One file a served version of each definition. */
export function customSchemas(definition: string): Map<string, string> {
  const { spec } = parse(definition) as {
    spec: {
      group: string;
      names: { kind: string };
      versions: Array<{ name: string; served: boolean; schema: { openAPIV3Schema: Schema } }>;
    };
  };
  const served = spec.versions.filter((version) => version.served);
  return new Map(
    served.map(({ name, schema }) => {
      const top = close(schema.openAPIV3Schema);
      // A definition leaves metadata to Kubernetes.
      const properties = {
        ...top.properties,
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: { type: 'object' },
      };
      return [fileName(spec.group, name, spec.names.kind), JSON.stringify({ ...top, properties })];
    }),
  );
}

/** Types that the OpenAPI document calls strings, and that take numbers too. */
function special(name: string): Schema | undefined {
  if (name.endsWith('.IntOrString') || name.endsWith('.Quantity')) return { type: ['string', 'number'] };
  return undefined;
}

/** The schema without room for what it does not name. */
function close(schema: Schema): Schema {
  if (schema['x-kubernetes-int-or-string'] === true) return { type: ['string', 'integer'] };
  const closed: Schema = { ...schema };
  if (schema.properties !== undefined) {
    closed.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([key, value]) => [key, close(value)]),
    );
    if (schema.additionalProperties === undefined && schema['x-kubernetes-preserve-unknown-fields'] !== true)
      closed.additionalProperties = false;
  }
  if (schema.items !== undefined) closed.items = close(schema.items);
  if (typeof schema.additionalProperties === 'object') closed.additionalProperties = close(schema.additionalProperties);
  // Kubernetes' own formats mean nothing to a validator.
  delete closed['format'];
  return closed;
}

/** The definition with all that it refers to. */
function reachable(name: string, definitions: Readonly<Record<string, Schema>>): Record<string, Schema> {
  const found: Record<string, Schema> = {};
  const visit = (current: string): void => {
    const schema = definitions[current];
    if (schema === undefined || found[current] !== undefined) return;
    found[current] = schema;
    for (const [, target] of JSON.stringify(schema).matchAll(/"#\/definitions\/([^"]+)"/g)) if (target) visit(target);
  };
  visit(name);
  return found;
}
