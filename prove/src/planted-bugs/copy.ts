import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { plant } from './bugs.ts';
import type { Edit } from './bugs.ts';

const SCOPE = '@order-payments';

/** A copy of a checkout that runs its own code: bugs are planted in it, never in the checkout. */
export class Copy {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async of(root: string, directory: string): Promise<Copy> {
    await rm(directory, { recursive: true, force: true });
    const list = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
    const files = execFileSync('git', list, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 }).split('\0');
    for (const file of files) if (file !== '' && existsSync(join(root, file))) await copyFile(root, directory, file);
    await linkPackages(root, directory);
    return new Copy(directory);
  }

  /** Makes the edits. The answer takes them back. */
  async plant(edits: readonly Edit[]): Promise<() => Promise<void>> {
    const before = new Map<string, string>();
    for (const edit of edits) {
      const path = join(this.directory, edit.file);
      const text = await readFile(path, 'utf8');
      if (!before.has(path)) before.set(path, text);
      await writeFile(path, plant(text, edit));
    }
    return async () => {
      for (const [path, text] of before) await writeFile(path, text);
    };
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function copyFile(root: string, directory: string, file: string): Promise<void> {
  await mkdir(dirname(join(directory, file)), { recursive: true });
  await cp(join(root, file), join(directory, file), { verbatimSymlinks: true });
}

/** Packages of others are the checkout's own; ours are the copy's, or else the checkout's code would run. */
async function linkPackages(root: string, directory: string): Promise<void> {
  const modules = join(directory, 'node_modules');
  await mkdir(join(modules, SCOPE), { recursive: true });
  for (const name of await readdir(join(root, 'node_modules')))
    if (name !== SCOPE) await symlink(join(root, 'node_modules', name), join(modules, name));
  for (const name of await readdir(join(root, 'node_modules', SCOPE))) {
    const workspace = relative(root, await realpath(join(root, 'node_modules', SCOPE, name)));
    await symlink(join(directory, workspace), join(modules, SCOPE, name));
    const own = join(workspace, 'node_modules');
    if (existsSync(join(root, own))) await symlink(join(root, own), join(directory, own));
  }
}
