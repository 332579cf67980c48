// npm run test:e2e [-- patterns and options of Jest]: the chart on the cluster that KUBECONFIG names, which has the operators and
// the images. E2E_CHART is a chart to install instead of this folder's (with operators of its own, say), E2E_HELM the helm to use,
// E2E_HELM_ARGUMENTS what to give it besides (-f my-values.yaml), E2E_NAMESPACE and E2E_RELEASE where; the namespace is emptied.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { copyWithStubs } from '@order-payments/local/chart/copy.ts';
import { installTool } from '@order-payments/local/chart/tools.ts';
import { platformDirectory } from '@order-payments/local/directories.ts';
import { runAll } from '@order-payments/local/run-all.ts';

const say = (message: string): boolean => process.stderr.write(`${message}\n`);
const answers = (program: string, args: readonly string[]): boolean => spawnSync(program, args).status === 0;

if (process.env.E2E_CHART === undefined) {
  process.env.E2E_CHART = join(platformDirectory, 'e2e', 'chart');
  await copyWithStubs(process.env.E2E_CHART);
}
process.env.E2E_HELM ??= answers('helm', ['version']) ? 'helm' : await installTool('helm-4', say);

if (!answers('kubectl', ['get', '--raw', '/readyz'])) {
  say('No cluster answers kubectl: set KUBECONFIG to one that has the operators (docs/kubernetes.md).');
  process.exitCode = 1;
} else {
  process.exitCode = await runAll([
    {
      heading: 'End to end',
      script: 'jest/bin/jest.js',
      nodeArgs: [
        '--experimental-vm-modules',
        '--disable-warning=ExperimentalWarning',
        // kafkajs sets timers to moments that are over.
        '--disable-warning=TimeoutNegativeWarning',
      ],
      args: ['--config', 'e2e/jest.config.mjs', ...process.argv.slice(2)],
    },
  ]);
}
