import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readDependencies, upstreamDependencies } from '@order-payments/local/chart/copy.ts';
import { run } from '@order-payments/local/chart/run.ts';
import { repositoryRoot } from '@order-payments/local/directories.ts';
import { tool } from './support/helm.ts';
import { chart } from './support/places.ts';

const bytesMax = 1024 * 1024;

let directory: string;
let archive: string;
let entries: string[];

// The repository as a user has it who works in it: with what git tracks, and with what is made beside it.
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'package-'));
  const repository = join(directory, 'order-payments');
  const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: repositoryRoot,
  });
  for (const file of tracked.toString().split('\n').filter(Boolean)) {
    await mkdir(dirname(join(repository, file)), { recursive: true });
    await cp(join(repositoryRoot, file), join(repository, file)).catch(ignoreDeleted);
  }
  for (const made of ['node_modules/koa/index.js', '.platform/logs/orders.log', 'coverage/index.html', '.git/HEAD']) {
    await mkdir(dirname(join(repository, made)), { recursive: true });
    await writeFile(join(repository, made), 'made');
  }
  for (const { name } of await upstreamDependencies(chart))
    await cp(join(chart, 'charts', name), join(repository, 'charts', name), { recursive: true });
  await run(await tool('helm-4'), ['package', repository, '--destination', directory]);
  archive = join(directory, (await readdir(directory)).find((file) => file.endsWith('.tgz')) ?? '');
  entries = (await run('tar', ['-tzf', archive])).split('\n').filter(Boolean);
});

afterAll(async () => await rm(directory, { recursive: true, force: true }));

test('the repository packs into a chart of at most 1 MiB', async () => {
  expect((await stat(archive)).size).toBeLessThanOrEqual(bytesMax);
});

test('the package holds the chart and nothing else of the repository', () => {
  const tops = new Set(entries.map((entry) => entry.split('/')[1]));
  expect([...tops].sort()).toEqual(
    [
      '.helmignore',
      'Chart.yaml',
      'LICENSE',
      'README.md',
      'charts',
      'ci',
      'templates',
      'values.schema.json',
      'values.yaml',
    ].sort(),
  );
});

test('the package holds every subchart', async () => {
  for (const { name } of await readDependencies(chart))
    expect(entries).toContain(`order-payments/charts/${name}/Chart.yaml`);
});

test('all of our charts have one version', async () => {
  const ours = (await readDependencies(chart)).filter(({ repository }) => repository === '');
  const directories = [chart, ...ours.map(({ name }) => join(chart, 'charts', name))];
  const versions = await Promise.all(directories.map(versionsOf));
  expect(new Set(versions).size).toBe(1);
});

async function versionsOf(directory: string): Promise<string> {
  const text = await run(await tool('helm-4'), ['show', 'chart', directory]);
  return [...text.matchAll(/^(?:version|appVersion): (.*)$/gm)]
    .map(([line]) => line)
    .sort()
    .join(' ');
}

/** A file that was deleted and is still tracked. */
function ignoreDeleted(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
