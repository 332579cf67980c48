import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyWithStubs, upstreamDependencies } from '@order-payments/local/chart/copy.ts';
import { cloudnativePgDefinitions } from '@order-payments/local/chart/definitions.ts';
import { fetchDependencies } from '@order-payments/local/chart/fetch.ts';
import { run } from '@order-payments/local/chart/run.ts';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { startChartRegistry } from './support/chart-registry.ts';
import { kubeVersion, parseObjects, tool } from './support/helm.ts';

// The operators' real charts are in registries that not every machine reaches. Here a registry of ours has charts of the same
// names and versions; CloudNativePG's holds the real definitions where the real one holds them.

const quiet = (): void => undefined;

let directory: string;
let chart: string;
let helm: string;
let helmArguments: string[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dependencies-'));
  chart = join(directory, 'order-payments');
  helm = await tool('helm-4');
  const cache = join(directory, 'cache');
  helmArguments = ['--plain-http', '--content-cache', cache, '--repository-cache', cache];
  await copyWithStubs(chart);
  for (const { name } of await upstreamDependencies(chart)) await rm(join(chart, 'charts', name), { recursive: true });
});

afterEach(async () => await rm(directory, { recursive: true, force: true }));

test('the charts of the operators are fetched, and the definitions are where Helm installs them first', async () => {
  const definitions = await cloudnativePgDefinitions(quiet);
  const crds = `{{- if .Values.crds.create }}\n${definitions.join('')}{{- end }}\n`;
  const registry = await startChartRegistry([
    { name: 'strimzi-kafka-operator', version: '1.2.0', archive: await packed('strimzi-kafka-operator', '1.2.0', {}) },
    {
      name: 'cloudnative-pg',
      version: '0.29.0',
      archive: await packed('cloudnative-pg', '0.29.0', {
        'templates/crds/crds.yaml': crds,
        'values.yaml': 'crds: {create: true}\n',
      }),
    },
  ]);
  try {
    await pointAt(registry.host);
    await fetchDependencies(chart, { helm, helmArguments, say: quiet });
    // It may be run again at any time.
    await fetchDependencies(chart, { helm, helmArguments, say: quiet });
  } finally {
    registry.stop();
  }
  expect(await readdir(join(chart, 'charts'))).toEqual(
    expect.arrayContaining([
      'gateway',
      'library',
      'cnpg-crds',
      'strimzi-kafka-operator-1.2.0.tgz',
      'cloudnative-pg-0.29.0.tgz',
    ]),
  );
  const names = async (operators: boolean): Promise<string[]> => {
    const args = ['template', 'shop', chart, '--include-crds', '--kube-version', kubeVersion];
    const text = await run(helm, [...args, '--set', `tags.operators=${operators}`]);
    return parseObjects(text)
      .filter(({ kind }) => kind === 'CustomResourceDefinition')
      .map(({ metadata }) => metadata.name)
      .sort();
  };
  const expected = definitions.map((text) => (parse(text) as { metadata: { name: string } }).metadata.name).sort();
  expect(expected).toContain('clusters.postgresql.cnpg.io');
  // Once each: as cnpg-crds has them, and not among the operator's templates too.
  expect(await names(true)).toEqual(expected);
  expect(await names(false)).toEqual([]);
});

test('without the registry it says what is wrong, and our own charts stay', async () => {
  const before = await readdir(join(chart, 'charts'));
  await pointAt('127.0.0.1:1');
  await expect(fetchDependencies(chart, { helm, helmArguments, say: quiet })).rejects.toThrow('connection refused');
  expect(await readdir(join(chart, 'charts'))).toEqual(before);
});

test('without Helm it says so', async () => {
  const fetching = fetchDependencies(chart, { helm: join(directory, 'no-helm'), say: quiet });
  await expect(fetching).rejects.toThrow('Helm is missing');
});

async function pointAt(host: string): Promise<void> {
  const file = join(chart, 'Chart.yaml');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replaceAll(/oci:\/\/\S+/g, `oci://${host}/charts`));
}

async function packed(name: string, version: string, files: Readonly<Record<string, string>>): Promise<Buffer> {
  const source = join(directory, 'sources', name);
  await mkdir(join(source, 'templates', 'crds'), { recursive: true });
  await writeFile(join(source, 'Chart.yaml'), `apiVersion: v2\nname: ${name}\nversion: ${version}\n`);
  for (const [file, text] of Object.entries(files)) await writeFile(join(source, file), text);
  await run(helm, ['package', source, '--destination', directory]);
  return await readFile(join(directory, `${name}-${version}.tgz`));
}
