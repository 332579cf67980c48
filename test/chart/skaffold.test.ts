import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryRoot } from '@order-payments/local/directories.ts';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { find, renderObjects, type KubernetesObject } from './support/helm.ts';

// Skaffold cannot be built from Go modules, so nothing here runs it: this reads its file against what it names.

interface Release {
  readonly name: string;
  readonly valuesFiles: string[];
  readonly setValueTemplates: Record<string, string>;
}

interface Skaffold {
  readonly apiVersion: string;
  readonly build: {
    readonly artifacts: Array<{
      readonly image: string;
      readonly docker: { readonly dockerfile: string; readonly target: string };
      readonly sync?: { readonly manual: Array<{ readonly src: string; readonly dest: string }> };
    }>;
  };
  readonly deploy: { readonly helm: { readonly releases: [Release] } };
  readonly portForward: Array<{ readonly resourceType: string; readonly resourceName: string; readonly port: number }>;
  readonly profiles: Array<{
    readonly name: string;
    readonly patches: Array<{ readonly path: string; readonly value: Record<string, unknown> }>;
  }>;
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly command: string[];
}

let text: string;
let skaffold: Skaffold;
let release: Release;
let dockerfile: string;
let objects: KubernetesObject[];

beforeAll(async () => {
  const read = async (file: string): Promise<string> => await readFile(join(repositoryRoot, file), 'utf8');
  text = await read('skaffold.yaml');
  skaffold = parse(text) as Skaffold;
  [release] = skaffold.deploy.helm.releases;
  dockerfile = await read('Dockerfile');
  objects = await deployed({});
});

/** What the release makes, with each image's variables filled in by its name, as Skaffold does. */
async function deployed(more: Record<string, unknown>): Promise<KubernetesObject[]> {
  const variables = new Map(
    skaffold.build.artifacts.flatMap(({ image }) => {
      const suffix = image.replaceAll(/[^a-zA-Z0-9]+/g, '_');
      return [
        [`IMAGE_REPO_${suffix}`, image],
        [`IMAGE_TAG_${suffix}`, `built-${suffix}`],
      ] as Array<[string, string]>;
    }),
  );
  const templates = Object.entries(release.setValueTemplates).map(([value, template]) => {
    const variable = /^\{\{\.(\w+)\}\}$/.exec(template)?.[1] ?? '';
    const filled = variables.get(variable);
    if (filled === undefined) throw new Error(`No artifact gives ${template} for ${value}.`);
    return [value, filled] as const;
  });
  const sets = [...templates, ...Object.entries(more)].flatMap(([value, filled]) => [
    '--set',
    `${value}=${String(filled)}`,
  ]);
  const files = release.valuesFiles.flatMap((file) => ['-f', join(repositoryRoot, file)]);
  return await renderObjects({ release: release.name, args: [...files, ...sets] });
}

test('has the version of the schema that it is written for', () => {
  expect(skaffold.apiVersion).toBe('skaffold/v4beta13');
});

test('builds each of the targets of the Dockerfile that is a process', () => {
  const stages = [...dockerfile.matchAll(/^FROM runtime AS (\S+)$/gm)].map(([, stage]) => stage);
  expect(skaffold.build.artifacts.map(({ docker }) => docker.target).sort()).toEqual(stages.sort());
  for (const { image, docker } of skaffold.build.artifacts) {
    expect(image).toBe(`order-payments/${docker.target}`);
    expect(docker.dockerfile).toBe('Dockerfile');
  }
});

test('deploys what it built: every container of ours has an image with a tag that was built', () => {
  const containers = objects.flatMap(({ spec }) => containersOf(spec));
  const ours = containers.filter(({ image }) => image.startsWith('order-payments/'));
  expect(new Set(ours.map(({ image }) => image)).size).toBe(skaffold.build.artifacts.length);
  for (const { image } of ours) expect(image).toMatch(/:built-/);
});

test('runs the processes of the images, watching the sources that it copies into them', () => {
  for (const { docker, sync } of skaffold.build.artifacts) {
    if (sync === undefined) continue;
    const own = objects
      .flatMap(({ spec }) => containersOf(spec))
      .filter(({ image }) => image.includes(`/${docker.target}:`));
    const commands = new Set(
      own.filter(({ command }) => command.includes('--watch')).map(({ command }) => command.join(' ')),
    );
    expect(commands.size).toBe(1);
    const watched = [...commands][0]?.split(' ').at(-1) ?? '';
    expect(existsSync(join(repositoryRoot, watched))).toBe(true);
    const process = /^CMD \["node", "(.*)"\]$/m.exec(
      dockerfile.slice(dockerfile.indexOf(` AS ${docker.target}\n`)),
    )?.[1];
    expect(watched).toBe(process);
  }
});

test('copies sources that exist, and that the image has in the same place', () => {
  for (const { docker, sync } of skaffold.build.artifacts) {
    const stage = dockerfile.slice(dockerfile.indexOf(`AS ${docker.target}\n`)).split(/^FROM /m)[0] ?? '';
    for (const { src, dest } of sync?.manual ?? []) {
      const matching = execFileSync('bash', ['-O', 'globstar', '-c', `ls -d ${src}`], {
        cwd: repositoryRoot,
      }).toString();
      expect(matching.split('\n').length).toBeGreaterThan(1);
      expect(dest).toBe('/app');
      for (const file of matching.split('\n').filter(Boolean)) {
        const folders = [...stage.matchAll(/^COPY (\S+) \1$/gm)].map(([, folder]) => folder);
        expect(folders.some((folder) => file.startsWith(`${folder}/`))).toBe(true);
      }
    }
  }
});

test('forwards ports of services that are there', () => {
  for (const { resourceType, resourceName, port } of skaffold.portForward) {
    expect(resourceType).toBe('service');
    // CloudNativePG makes a database's services.
    const cluster = resourceName.replace(/-rw$/, '');
    if (cluster !== resourceName) {
      find(objects, 'Cluster', cluster);
      expect(port).toBe(5432);
    } else {
      const { ports } = find<{ ports: Array<{ port: number }> }>(objects, 'Service', resourceName).spec;
      expect(ports.map((one) => one.port)).toContain(port);
    }
  }
});

describe('profiles', () => {
  test.each(['kind', 'minikube'])('%s sets values that the chart has', async (name) => {
    const profile = skaffold.profiles.find((one) => one.name === name);
    for (const { path, value } of profile?.patches ?? []) {
      expect(path).toBe('/deploy/helm/releases/0/setValues');
      await deployed(value);
    }
    expect(profile?.patches).toHaveLength(1);
  });
});

function containersOf(spec: unknown): Container[] {
  const pod = spec as
    { template?: { spec: unknown }; containers?: Container[]; initContainers?: Container[] } | undefined;
  if (pod?.template !== undefined) return containersOf(pod.template.spec);
  return [...(pod?.containers ?? []), ...(pod?.initContainers ?? [])];
}
