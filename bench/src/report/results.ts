import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { platformDirectory, repositoryRoot } from '@order-payments/local/directories.ts';
import type { RunRecord } from '../run.ts';
import { toMarkdown } from './markdown.ts';
import { toSvg } from './plot.ts';

/** A whole run replaces the results that the repository keeps; any other goes where git does not look. */
export async function writeResults(
  record: RunRecord,
  { keep, say }: { keep: boolean; say: (message: string) => void },
): Promise<void> {
  const directory = keep ? join(repositoryRoot, 'bench', 'results') : join(platformDirectory, 'bench');
  await mkdir(directory, { recursive: true });
  const markdown = toMarkdown(record);
  await writeFile(join(directory, 'latest.md'), markdown);
  await writeFile(join(directory, 'latest.json'), `${JSON.stringify(record, null, 2)}\n`);
  await writeFile(join(directory, 'latest.svg'), await toSvg(record));
  process.stdout.write(`\n${markdown}\n`);
  say(`Written to ${directory}: latest.md, latest.json, latest.svg`);
}
