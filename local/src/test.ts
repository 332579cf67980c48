// npm test [-- patterns and options of Jest]: all checks, then all tests on real PostgreSQL, Kafka and Apicurio.
import { runAll, staticChecks } from './run-all.ts';

process.exitCode = await runAll([
  ...staticChecks,
  {
    heading: 'Tests',
    script: 'jest/bin/jest.js',
    // Jest runs ES modules in Node's module sandbox only with this flag. The warnings tell of that flag, of type
    // stripping, and of a timer of kafkajs whose time has passed already.
    nodeArgs: [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      '--disable-warning=TimeoutNegativeWarning',
    ],
    args: process.argv.slice(2),
  },
]);
