// npm run prove: the platform is killed, cut and fed duplicates under load, and not one unit of money goes missing.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { tryLock, unlock } from '../../local/process-lock.mjs';
import { platformDirectory } from '@order-payments/local/directories.ts';
import { ATTACKS, proveInput } from './input/prove-input.ts';
import { parseOptions, UsageError, usage } from './options.ts';
import type { Options } from './options.ts';
import { proveModels } from './models.ts';
import { PLANTED_BUGS } from './planted-bugs/bugs.ts';
import { provePlantedBugs } from './planted-bugs/planted-bugs.ts';
import { createTicker } from './progress.ts';
import { prove } from './prove.ts';
import { commandOf, describeProof, writeRecord } from './report.ts';
import { keepRun, newRun, removeAbandonedRuns, removeRun } from './runs.ts';
import { verdictOf } from './verdict.ts';

const OTHER_PROOFS = {
  '--planted-bugs': provePlantedBugs,
  '--models': proveModels,
  '--input': proveInput,
} as const;
/** What `--only` may name, where it is no fault. */
const CHOICES = new Map<string, readonly string[]>([
  ['--planted-bugs', PLANTED_BUGS.map(({ id }) => id)],
  ['--input', ATTACKS],
]);

/** A Ctrl-C may arrive twice, from the terminal and from npm: what follows so closely is the same press. */
const SAME_PRESS_MS = 1_000;

const home = join(platformDirectory, 'prove');
const stopping = new AbortController();
let firstSignalAt: number | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    firstSignalAt ??= Date.now();
    // The kernel ends the platform's processes with us.
    if (Date.now() - firstSignalAt > SAME_PRESS_MS) process.exit(130);
    stopping.abort(new Error('interrupted'));
  });
}
// Not by itself: a request that is under way must not hold up the end.
process.exit(await main());

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  let work: () => Promise<number>;
  let options: Options;
  try {
    const choices = args.map((argument) => CHOICES.get(argument)).find((known) => known !== undefined);
    options = parseOptions(
      args.filter((argument) => !(argument in OTHER_PROOFS)),
      choices,
    );
    const other = Object.entries(OTHER_PROOFS).find(([flag]) => args.includes(flag));
    work = () => (other === undefined ? run(options) : other[1]({ ...options, signal: stopping.signal, say }));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage()}\n`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(`${usage()}\n`);
    return 0;
  }
  await mkdir(home, { recursive: true });
  // Proofs of different kinds may run side by side.
  const lock = join(home, `running${args.find((argument) => argument in OTHER_PROOFS) ?? '--faults'}.lock`);
  const other = tryLock(lock);
  if (other !== undefined) {
    process.stderr.write(`A proof runs in this checkout already (process ${other}).\n`);
    return 1;
  }
  try {
    return await work();
  } finally {
    unlock(lock);
  }
}

function say(what: string): void {
  process.stdout.write(`${what}\n`);
}

async function run(options: Options): Promise<number> {
  await removeAbandonedRuns(home);
  const name = newRun(options.seed);
  const directory = join(home, name);
  const ticker = createTicker(process.stdout);
  ticker.say(`seed ${options.seed}; the same schedule again: ${commandOf(options)}`);
  try {
    const proof = await prove({
      ...options,
      directory,
      signal: stopping.signal,
      say: ticker.say,
      progress: ticker.progress,
    });
    ticker.end();
    const record = await writeRecord(home, { name, options, proof });
    const { word } = verdictOf(proof, options);
    process.stdout.write(`${describeProof(proof, options)}\nrecord: ${record}\n`);
    if (word !== 'VIOLATED') await removeRun(directory);
    else {
      await keepRun(directory);
      process.stdout.write(
        `logs: ${proof.logs}\ndata: ${proof.dataDirectories.join(', ')}\nthe same again: ${commandOf(options)}\n`,
      );
    }
    return word === 'PROVED' ? 0 : 1;
  } catch (error) {
    ticker.end();
    if (stopping.signal.aborted) {
      process.stderr.write('Interrupted: everything is stopped, nothing is proved.\n');
      await removeRun(directory);
      return 130;
    }
    await keepRun(directory);
    process.stderr.write(
      `The proof broke off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n` +
        `logs: ${join(directory, 'logs')}\nthe same again: ${commandOf(options)}\n`,
    );
    return 1;
  }
}
