import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../directories.ts';
import { parse } from 'yaml';

/** What of the repository is the chart. */
const chartFiles = [
  'Chart.yaml',
  'values.yaml',
  'values.schema.json',
  '.helmignore',
  'LICENSE',
  'templates',
  'charts',
  'ci',
];

export interface Dependency {
  readonly name: string;
  readonly version: string;
  readonly repository: string;
  readonly alias?: string;
}

export async function readDependencies(chart: string): Promise<Dependency[]> {
  const { dependencies } = parse(await readFile(join(chart, 'Chart.yaml'), 'utf8')) as { dependencies: Dependency[] };
  return dependencies;
}

/** Those that others publish, and that have to be fetched. */
export async function upstreamDependencies(chart: string): Promise<Dependency[]> {
  return (await readDependencies(chart)).filter(({ repository }) => repository !== '');
}

/**
 * The chart with empty charts in the place of those that others publish, in a folder of its own. Helm refuses a chart whose
 * dependencies are not all there, even those that are switched off, and not every machine reaches their registries.
 */
export async function copyWithStubs(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  for (const file of chartFiles) {
    const from = join(repositoryRoot, file);
    // What `npm run chart:dependencies` fetched into the repository stays behind: the stubs take its place.
    const filter = (path: string): boolean => !path.endsWith('.tgz');
    if (existsSync(from)) await cp(from, join(directory, file), { recursive: true, filter });
  }
  for (const { name, version } of await upstreamDependencies(directory)) {
    const stub = join(directory, 'charts', name);
    await mkdir(stub);
    await writeFile(join(stub, 'Chart.yaml'), `apiVersion: v2\nname: ${name}\nversion: ${version}\n`);
  }
}
