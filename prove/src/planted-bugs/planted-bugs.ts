// npm run prove -- --planted-bugs: the proof of a code with a bug in it has to go red, or it proves nothing.
import { join } from 'node:path';
import { platformDirectory, repositoryRoot } from '@order-payments/local/directories.ts';
import { downloadAll } from '@order-payments/local/infrastructure/downloads.ts';
import { spawnTied } from '@order-payments/local/process/spawn-tied.ts';
import { INFRASTRUCTURE_URL_VARIABLE } from '@order-payments/local/test-kit/address.ts';
import { InfrastructureKeeper } from '@order-payments/local/test-kit/keeper.ts';
import type { Violation } from '@order-payments/local/test-kit/outside-checker.ts';
import { DEATHS_MAX } from '../stage.ts';
import { table } from '../table.ts';
import { CANARY, PLANTED_BUGS } from './bugs.ts';
import type { PlantedBug } from './bugs.ts';
import { Copy } from './copy.ts';
import type { Verdict } from './focused-proof.ts';

/** Within that long each bug has to be seen. */
const GOAL_SECONDS = 60;
const LIMIT_MS = 180_000;
/** All faults one after another, on the code as it is. */
const CONTROL_LIMIT_MS = 300_000;
const EXAMPLES = 3;
/** The canary dies at each of its starts, and twice is enough to know. */
const CANARY_DEATHS = 2;

export interface PlantedBugsOptions {
  readonly seed: number;
  /** Ids; all of them without any. */
  readonly only: readonly string[];
  readonly signal: AbortSignal;
  readonly say: (what: string) => void;
}

interface Run {
  readonly verdict: Verdict | undefined;
  readonly seconds: number;
  readonly output: string;
}

/** 0 if all bugs are caught in time, each by what it breaks, and the code without a bug is not. */
export async function provePlantedBugs({ seed, only, signal, say }: PlantedBugsOptions): Promise<number> {
  const bugs = PLANTED_BUGS.filter(({ id }) => only.length === 0 || only.includes(id));
  const startedAt = Date.now();
  await downloadAll(say);
  const keeper = await InfrastructureKeeper.begin(say);
  const copy = await Copy.of(repositoryRoot, join(platformDirectory, 'planted-bugs', 'copy'));
  try {
    // A bug that has drifted from the code is told before anything is started.
    for (const { edits } of bugs) await (await copy.plant(edits))();
    // The first to ask waits until it is there, and that is no bug's time.
    await fetch(keeper.url, { signal });
    const runCopy = (faults: readonly string[], limitMs: number, deathsMax = DEATHS_MAX): Promise<Run> =>
      runFocused(copy, { seed, faults, limitMs, deathsMax, infrastructureUrl: keeper.url, signal });
    const withBug = async ({ edits, faults }: PlantedBug, deathsMax?: number): Promise<Run> => {
      const takeBack = await copy.plant(edits);
      try {
        return await runCopy(faults, LIMIT_MS, deathsMax);
      } finally {
        await takeBack();
      }
    };
    const canary = await withBug(CANARY, CANARY_DEATHS);
    const runsCopy = canary.verdict === undefined && canary.output.includes('planted canary');
    say(runsCopy ? `the copy's own code runs (${seconds(canary)})` : `IT IS NOT THE COPY THAT RUNS: ${canary.output}`);
    const allFaults = [...new Set(bugs.flatMap(({ faults }) => faults))];
    const control = await runCopy(allFaults, CONTROL_LIMIT_MS);
    const isGreen = control.verdict?.violations.length === 0;
    say(`without a bug: ${isGreen ? 'green' : `NOT GREEN ${explain(control)}`} (${seconds(control)})`);
    for (const fault of control.verdict?.faults ?? []) say(`  ${fault}`);
    const rows: string[][] = [];
    let caught = 0;
    let late = 0;
    for (const bug of bugs) {
      signal.throwIfAborted();
      const run = await withBug(bug);
      const seen = invariantsOf(run.verdict?.violations ?? []);
      const isCaught = bug.breaks.some((invariant) => seen.includes(invariant));
      if (isCaught) caught += 1;
      if (isCaught && run.seconds > GOAL_SECONDS) late += 1;
      say(`${bug.id}: ${isCaught ? `red, ${seen.join(' ')}` : 'NOT CAUGHT'} (${seconds(run)})`);
      if (isCaught) for (const { what } of examplesOf(bug, run)) say(`  ${what.slice(0, 200)}`);
      else say(`  ${explain(run)}`);
      const files = [...new Set(bug.edits.map(({ file }) => file))].join(' ');
      rows.push([bug.what, files, isCaught ? seen.join(' ') : 'NOT CAUGHT', seconds(run)]);
    }
    say(`\n${table(['planted bug', 'file', 'caught by', 'after'], rows)}`);
    const minutes = ((Date.now() - startedAt) / 60_000).toFixed(1);
    if (late > 0) say(`TOO LATE: ${late} of them were caught after more than ${GOAL_SECONDS} s`);
    say(
      `${caught} of ${bugs.length} caught, control run ${isGreen ? 'green' : 'RED'}, seed ${seed}, ${minutes} min in all`,
    );
    return caught === bugs.length && late === 0 && isGreen && runsCopy ? 0 : 1;
  } finally {
    await keeper.end();
    await copy.remove();
  }
}

interface FocusedOptions {
  readonly seed: number;
  readonly faults: readonly string[];
  readonly limitMs: number;
  readonly deathsMax: number;
  readonly infrastructureUrl: string;
  readonly signal: AbortSignal;
}

/** The focused proof of the copy, as a process that lives no longer than we do. */
async function runFocused(
  copy: Copy,
  { seed, faults, limitMs, deathsMax, infrastructureUrl, signal }: FocusedOptions,
): Promise<Run> {
  const startedAt = Date.now();
  const entry = join(copy.directory, 'prove/src/planted-bugs/focused-proof.ts');
  const child = spawnTied(
    {
      file: process.execPath,
      args: [
        '--disable-warning=ExperimentalWarning',
        '--disable-warning=TimeoutNegativeWarning',
        entry,
        '--seed',
        String(seed),
        '--faults',
        faults.join(','),
        '--deaths-max',
        String(deathsMax),
      ],
      cwd: copy.directory,
      env: { [INFRASTRUCTURE_URL_VARIABLE]: infrastructureUrl },
    },
    ['ignore', 'pipe', 'pipe'],
  );
  const output = { out: '', err: '' };
  child.stdout?.on('data', (chunk: Buffer) => (output.out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output.err += chunk.toString()));
  // Its services are tied to it.
  const kill = (): void => void child.kill('SIGKILL');
  const limit = setTimeout(kill, limitMs);
  signal.addEventListener('abort', kill, { once: true });
  const answered = Promise.withResolvers<number>();
  child.stdout?.on('data', () => output.out.endsWith('\n') && answered.resolve(Date.now()));
  const closed = Promise.withResolvers<number>();
  child.on('close', () => closed.resolve(Date.now()));
  child.on('error', closed.reject);
  const answeredAt = await Promise.race([answered.promise, closed.promise]);
  // What it stops and drops after its verdict is not the bug's time, but the next one needs the machine.
  await closed.promise;
  clearTimeout(limit);
  signal.removeEventListener('abort', kill);
  const line = output.out.trimEnd();
  return {
    verdict: line === '' ? undefined : (JSON.parse(line) as Verdict),
    seconds: (answeredAt - startedAt) / 1_000,
    output: output.err.slice(-4_000),
  };
}

function invariantsOf(violations: readonly Violation[]): string[] {
  return [...new Set(violations.map(({ invariant }) => invariant))].sort();
}

function examplesOf({ breaks }: PlantedBug, { verdict }: Run): Violation[] {
  return (verdict?.violations ?? []).filter(({ invariant }) => breaks.includes(invariant)).slice(0, EXAMPLES);
}

function explain({ verdict, output }: Run): string {
  if (verdict === undefined) return `it broke off: ${output}`;
  const { violations, faults } = verdict;
  const some = violations.slice(0, EXAMPLES * 2).map(({ invariant, what }) => `${invariant}: ${what.slice(0, 300)}`);
  return [`after ${faults.join('; ') || 'no fault'}: ${violations.length} violations`, ...some].join('\n  ');
}

function seconds(run: Run): string {
  return `${run.seconds.toFixed(1)} s`;
}
