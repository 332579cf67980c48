import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

// V8 lets garbage pile up in proportion to the machine's memory: reconcile took 340 MB on 24 GB, of which 36 were in use.
// A thread has limits of its own, wherever and however the command is started.
const resourceLimits = { maxYoungGenerationSizeMb: 24, maxOldGenerationSizeMb: 96 };

const worker = new Worker(join(import.meta.dirname, 'thread.ts'), {
  argv: process.argv.slice(2),
  workerData: { isInteractive: process.stderr.isTTY === true },
  resourceLimits,
});
// 1 means violations. What ended the thread otherwise, such as a variable that is not valid, could not run.
worker.on('exit', (code) => (process.exitCode ??= code === 0 || code === 1 ? code : 2));
worker.on('error', (error: Error) => {
  process.stderr.write(`ops failed and has nothing to report: ${error.message}\n`);
  process.exitCode = 2;
});
