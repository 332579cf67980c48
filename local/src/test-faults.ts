// npm run test:faults [-- patterns and options of Jest]: the platform under deaths, outages, duplicates and poison.
import { jest, runAll } from './run-all.ts';

process.exitCode = await runAll([
  jest('Faults', ['--config', 'local/faults.jest.config.mjs', ...process.argv.slice(2)]),
]);
