// npm run bench: the platform beside PostgreSQL's and Kafka's own floors, in turns, on one machine. docs/capacity.md reads it.
// It fails when something was lost, doubled or wrong, and never because of a time.
import { countOf, parseCommandLine } from '@order-payments/local/command-line.ts';
import { experiments, experimentsNamed } from './experiments.ts';
import { onePeer } from './experiments/peers.ts';
import { runGrowth } from './growth/main.ts';
import { isWhole, quickEffort, wholeEffort, type Experiment } from './measure.ts';
import { runExperiments } from './run.ts';
import { writeResults } from './report/results.ts';
import { openRig } from './rig.ts';

const startedAt = performance.now();
const say = (message: string): boolean =>
  process.stdout.write(`[${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s] ${message}\n`);

const namesOf = (these: readonly Experiment[]): string => these.map(({ name }) => name).join(', ');

const USAGE = `npm run bench [-- options]
  --quick               minutes: shows that each measure works and that nothing is lost, without P8 and P9; its figures mean nothing
  --only P4,P5          some goals, or experiments by name: ${namesOf(experiments)};
                        or ours beside one peer: ${namesOf(onePeer)}
  --pairs N             of each floor and ours, in turns
  --seconds N           of each run whose length is chosen by time
  --orders N            of each run whose length is chosen by number
  --backlog N           of P13
  --profiles DIRECTORY  a processor profile of each of the platform's processes
  --growth              P11 and P12 alone: what becomes of it as the tables grow to 10^7 orders (40 min, 30 GB of disk);
                        takes --quick, --pairs, --orders and --backlog`;

const { values } = parseCommandLine(USAGE, {
  quick: { type: 'boolean', default: false },
  growth: { type: 'boolean', default: false },
  only: { type: 'string' },
  pairs: { type: 'string' },
  seconds: { type: 'string' },
  orders: { type: 'string' },
  backlog: { type: 'string' },
  profiles: { type: 'string' },
});
const chosenOr = (option: 'pairs' | 'seconds' | 'orders' | 'backlog', otherwise: number): number =>
  countOf(USAGE, option, values[option], otherwise);

process.exit(await (values.growth ? runGrowth({ quick: values.quick, chosenOr }) : bench()));

async function bench(): Promise<number> {
  const base = values.quick ? quickEffort : wholeEffort;
  const effort = {
    ...base,
    pairs: chosenOr('pairs', base.pairs),
    seconds: chosenOr('seconds', base.seconds),
    orders: chosenOr('orders', base.orders),
    backlog: chosenOr('backlog', base.backlog),
  };
  const wanted = values.only?.split(',');
  const chosen =
    wanted === undefined
      ? experiments.filter(({ installs }) => !values.quick || installs !== true)
      : experimentsNamed(wanted);
  if (chosen.length === 0) {
    say(`There is no ${values.only}: choose of ${namesOf([...experiments, ...onePeer])} or P1 to P13.`);
    return 2;
  }
  say('Starting the platform, durable, on data of its own');
  const { rig, close } = await openRig(effort, say, { profiles: values.profiles });
  try {
    const record = await runExperiments(rig, chosen);
    const failed = record.experiments.some(({ failure }) => failure !== undefined);
    // A part of a whole, or what went wrong, is for the eye; only a whole run that found nothing wrong is kept.
    const keep = wanted === undefined && values.profiles === undefined && isWhole(effort, wholeEffort) && !failed;
    await writeResults(record, { keep, say });
    return failed ? 1 : 0;
  } finally {
    await close();
  }
}
