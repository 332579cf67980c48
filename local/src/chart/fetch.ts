import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withProgress } from '../infrastructure/progress.ts';
import type { Say } from '../infrastructure/progress.ts';
import { upstreamDependencies } from './copy.ts';
import { run } from './run.ts';

/**
 * Fetches the charts that others publish into `charts/`, and puts the definitions of CloudNativePG's resources, which are among
 * that chart's templates, into `charts/cnpg-crds/crds/`, from where Helm installs them before everything else.
 */
export async function fetchDependencies(
  chart: string,
  options: { helm: string; helmArguments?: readonly string[]; say: Say },
): Promise<void> {
  const { helm, helmArguments = [], say } = options;
  const names = (await upstreamDependencies(chart)).map(({ name, version }) => `${name} ${version}`);
  await withProgress(say, `Fetching ${names.join(' and ')}`, () =>
    runHelm(helm, ['dependency', 'update', chart, ...helmArguments]),
  );
  const archives = await readdir(join(chart, 'charts'));
  const archive = archives.find((file) => /^cloudnative-pg-.*\.tgz$/.test(file));
  if (archive === undefined) throw new Error('helm fetched no archive of cloudnative-pg.');
  const rendered = await renderDefinitions(helm, join(chart, 'charts', archive));
  const definitions = rendered.split(/^---$/m).filter((text) => /^kind: CustomResourceDefinition$/m.test(text));
  if (definitions.length === 0) throw new Error(`${archive} holds no definitions of resources.`);
  const directory = join(chart, 'charts', 'cnpg-crds', 'crds');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'cloudnative-pg.yaml'), `---${definitions.join('---')}`);
  say(`Put ${definitions.length} definitions into charts/cnpg-crds/crds`);
}

/** The chart's own switch for them, whatever its files are called. */
async function renderDefinitions(helm: string, archive: string): Promise<string> {
  return await runHelm(helm, ['template', 'cnpg', archive, '--set', 'crds.create=true']);
}

async function runHelm(helm: string, args: readonly string[]): Promise<string> {
  const whereMissing = 'Helm is missing: install Helm 3.18 or newer, or 4 (https://helm.sh/docs/intro/install).';
  return await run(helm, args, { whereMissing });
}
