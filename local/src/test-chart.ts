// npm run test:chart [-- patterns and options of Jest]: the chart's tests, which need Go, Maven and no cluster.
import { jest, runAll } from './run-all.ts';

process.exitCode = await runAll([jest('Chart', ['--config', 'test/chart/jest.config.mjs', ...process.argv.slice(2)])]);
