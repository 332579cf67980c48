import { readFile } from 'node:fs/promises';
import type { Wish } from '@order-payments/local/test-kit/client-with-history.ts';
import { eventually, kubectl, read, release } from './commands.ts';
import { startGuest } from './guest.ts';

// Orders from inside the cluster, through the gateway's Service.

const files = [
  'e2e/client/load.ts',
  'local/test/shoppers.ts',
  'local/src/test-kit/client-with-history.ts',
  'local/src/test-kit/eventually.ts',
];

const beginLimitMs = 90_000;
// Repeating what was not answered, once everything is back.
const restLimitMs = 240_000;

export interface Load {
  /** Resolves when so many more requests have been answered with 201 than at the time of the call. */
  untilAnswered(more: number, timeoutMs: number): Promise<void>;
  /** Ends it, and gives all that was asked for and answered. */
  stop(): Promise<Wish[]>;
}

export async function startLoad(): Promise<Load> {
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(await sources()) });
  const { spec } = await read<{ spec: { ports: Array<{ port: number }> } }>(['get', 'service', `${release}-gateway`]);
  await startGuest({
    name: 'load',
    command: ['node', '/client/e2e/client/load.ts'],
    env: { BASE_URL: `http://${release}-gateway:${spec.ports[0]?.port ?? 80}` },
    files: { configMap: 'load', mountPath: '/client', paths: [...files, 'package.json'] },
  });
  const inPod = async (...command: string[]): Promise<string> =>
    await kubectl(['exec', 'load', '--', ...command], { timeoutMs: 60_000 });
  const answered = async (): Promise<number> => Number(await inPod('cat', '/tmp/answered'));
  const load: Load = {
    untilAnswered: async (more, timeoutMs) => {
      const target = (await answered()) + more;
      await eventually(timeoutMs, async () => {
        const now = await answered();
        if (now < target) throw new Error(`${now} requests are answered, ${target} were to be.`);
      });
    },
    stop: async () => {
      await inPod('touch', '/tmp/stop');
      const history = JSON.parse(
        await eventually(restLimitMs, async () => await inPod('cat', '/tmp/history.json')),
      ) as Wish[];
      await kubectl(['delete', 'pod', 'load', '--now'], { timeoutMs: 60_000 });
      return history;
    },
  };
  await eventually(beginLimitMs, async () => void (await answered()));
  await load.untilAnswered(50, beginLimitMs);
  return load;
}

/** The client and what it imports, under the paths that they have here. A ConfigMap's keys cannot have slashes. */
async function sources(): Promise<object> {
  const root = new URL('../../', import.meta.url);
  const texts = await Promise.all(
    files.map(async (path) => [path.replaceAll('/', '.'), await readFile(new URL(path, root), 'utf8')]),
  );
  const data = { ...(Object.fromEntries(texts) as Record<string, string>), 'package.json': '{"type":"module"}' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'load' }, data };
}
