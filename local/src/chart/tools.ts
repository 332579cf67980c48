import { homedir } from 'node:os';
import { join } from 'node:path';
import { once } from '../infrastructure/once.ts';
import { withProgress } from '../infrastructure/progress.ts';
import type { Say } from '../infrastructure/progress.ts';
import { run } from './run.ts';

/** Programs for the chart, by the Go module that each is built from, so that nothing but Go's module proxy is asked. */
const tools = {
  'helm-4': { package: 'helm.sh/helm/v4/cmd/helm', version: 'v4.3.1', program: 'helm' },
  'helm-3': { package: 'helm.sh/helm/v3/cmd/helm', version: 'v3.22.0', program: 'helm' },
  kubeconform: { package: 'github.com/yannh/kubeconform/cmd/kubeconform', version: 'v0.8.0', program: 'kubeconform' },
  'kube-score': { package: 'github.com/zegl/kube-score/cmd/kube-score', version: 'v1.20.0', program: 'kube-score' },
} as const;

export type Tool = keyof typeof tools;

export const toolNames = Object.keys(tools) as Tool[];

// They serve every checkout of the user, and take minutes to build: so they live with the user.
const directory = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'order-payments', 'tools');

/** The path of a program, built once (a minute or two for all of them). */
export async function installTool(name: Tool, say: Say): Promise<string> {
  const { package: goPackage, version, program } = tools[name];
  const home = await once(join(directory, `${name}-${version}`), say, async (temporary) => {
    await withProgress(say, `Building ${name} ${version} with Go (once)`, async () => {
      await go(['install', `${goPackage}@${version}`], { GOBIN: temporary });
    });
  });
  return join(home, program);
}

/** The folder with the sources of a Go module. */
export async function downloadGoModule(module: string, say: Say): Promise<string> {
  const answer = await withProgress(say, `Fetching ${module} with Go`, async () => {
    return await go(['mod', 'download', '-json', module]);
  });
  return (JSON.parse(answer) as { Dir: string }).Dir;
}

async function go(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const whereMissing = 'Go is missing, it builds the tools for the chart: install Go 1.26 or newer.';
  return await run('go', args, { env, whereMissing });
}
