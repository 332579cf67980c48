// npm run test:chart [-- patterns and options of Jest]: the chart's tests, which need Go, Maven and no cluster.
import { runAll } from './run-all.ts';

process.exitCode = await runAll([
  {
    heading: 'Chart',
    script: 'jest/bin/jest.js',
    nodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
    args: ['--config', 'test/chart/jest.config.mjs', ...process.argv.slice(2)],
  },
]);
