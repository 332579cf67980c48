import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

// Definitions of resources are some megabytes.
const outputMax = 64 * 1024 * 1024;

/** What a program writes to its standard output. Rejects with what it says on the other one unless it exits with 0. */
export async function run(
  file: string,
  args: readonly string[],
  options: { env?: Readonly<Record<string, string>>; input?: string; whereMissing?: string } = {},
): Promise<string> {
  const running = promisify(execFile)(file, args, {
    maxBuffer: outputMax,
    env: { ...process.env, ...options.env },
  });
  running.child.stdin?.end(options.input ?? '');
  try {
    const { stdout } = await running;
    return stdout;
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: string | number; stdout?: string; stderr?: string };
    if (code === 'ENOENT' && options.whereMissing !== undefined)
      throw new Error(options.whereMissing, { cause: error });
    const said = stderr?.trim() || stdout?.trim() || String(error);
    throw new Error(`${file} ${args.slice(0, 3).join(' ')} ended with ${code ?? 'a signal'}:\n${said.slice(-8_000)}`, {
      cause: error,
    });
  }
}
