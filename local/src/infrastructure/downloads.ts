import { createHash } from 'node:crypto';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { downloadsDirectory, repositoryRoot } from '../directories.ts';
import { runTied } from '../process/spawn-tied.ts';
import { findJava } from './java.ts';
import { once } from './once.ts';
import { withProgress } from './progress.ts';
import type { Say } from './progress.ts';

const poms = join(repositoryRoot, 'local', 'maven');

/** The folder with Kafka's jars (44 MB). */
export async function downloadKafka(say: Say): Promise<string> {
  const home = await fromMaven('kafka', say, (directory) => [
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${join(directory, 'libs')}`,
  ]);
  return join(home, 'libs');
}

/** The folder with the unpacked Apicurio Registry (160 MB). */
export async function downloadRegistry(say: Say): Promise<string> {
  const home = await fromMaven('registry', say, (directory) => [
    'dependency:unpack-dependencies',
    `-DoutputDirectory=${join(directory, 'app')}`,
  ]);
  return join(home, 'app');
}

/** What the project file of that name in local/maven asks for, once, in a folder that holds it. */
export async function fromMaven(name: string, say: Say, goal: (directory: string) => string[]): Promise<string> {
  const pom = join(poms, `${name}.xml`);
  const version = createHash('sha256')
    .update(await readFile(pom))
    .digest('hex')
    .slice(0, 12);
  return once(join(downloadsDirectory, `${name}-${version}`), say, (directory) =>
    withProgress(say, `Downloading ${name} with Maven (once)`, async () => {
      // Maven writes markers beside the project file, so it gets a copy.
      await copyFile(pom, join(directory, 'pom.xml'));
      await runTied({ file: 'mvn', args: ['-B', '-q', '-f', join(directory, 'pom.xml'), ...goal(directory)] });
    }),
  );
}

/** All of them, before anything waits for a part to start. */
export async function downloadAll(say: Say): Promise<void> {
  await Promise.all([findJava(say), downloadKafka(say), downloadRegistry(say)]);
}
