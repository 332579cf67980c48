import { workerData } from 'node:worker_threads';
import { runOps } from './ops.ts';
import type { Terminal } from './terminal.ts';

const { isInteractive } = workerData as Pick<Terminal, 'isInteractive'>;
const terminal: Terminal = {
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(text),
  isInteractive,
};
// Not process.exit: what was written must arrive.
process.exitCode = await runOps(process.argv.slice(2), process.env, terminal);
