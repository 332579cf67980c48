// npm run bench: the platform beside PostgreSQL's and Kafka's own floors, in turns, on one machine. docs/capacity.md reads it.
//   -- --quick         minutes: shows that each measure works and that nothing is lost, without P8 and P9; its figures mean nothing
//   -- --only P4,P5    some goals, or experiments by name (chain, http, settle, settle-hot, relay, latency, overload, cost, memory)
//   -- --pairs 2 --seconds 4 --orders 30000 --backlog 100000   less of everything, while one tries something out
//   -- --profiles DIRECTORY                    a processor profile of each of the platform's processes
//   -- --growth        P11 and P12: what becomes of it as the tables grow
// It fails when something was lost, doubled or wrong, and never because of a time.
import { parseArgs } from 'node:util';
import { experiments } from './experiments.ts';
import { runGrowth } from './growth/main.ts';
import { quickEffort, wholeEffort } from './measure.ts';
import { runExperiments } from './run.ts';
import { writeResults } from './report/results.ts';
import { openRig } from './rig.ts';

const startedAt = performance.now();
const say = (message: string): boolean =>
  process.stdout.write(`[${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s] ${message}\n`);

// The growth of tables has sizes of its own to choose.
process.exit(process.argv.includes('--growth') ? await runGrowth() : await bench());

async function bench(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      pairs: { type: 'string' },
      seconds: { type: 'string' },
      orders: { type: 'string' },
      backlog: { type: 'string' },
      profiles: { type: 'string' },
    },
  });
  const base = values.quick ? quickEffort : wholeEffort;
  const effort = {
    ...base,
    pairs: Number(values.pairs ?? base.pairs),
    seconds: Number(values.seconds ?? base.seconds),
    orders: Number(values.orders ?? base.orders),
    backlog: Number(values.backlog ?? base.backlog),
  };
  const wanted = values.only?.split(',');
  const chosen =
    wanted === undefined
      ? experiments.filter(({ installs }) => !values.quick || installs !== true)
      : experiments.filter(({ name, goals }) => [name, ...goals.map(({ id }) => id)].some((id) => wanted.includes(id)));
  if (chosen.length === 0) {
    say(`There is no ${values.only}: choose of ${experiments.map(({ name }) => name).join(', ')} or P1 to P13.`);
    return 2;
  }
  say('Starting the platform, durable, on data of its own');
  const { rig, close } = await openRig(effort, say, values.profiles);
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      void close().finally(() => process.exit(1));
    });
  try {
    const record = await runExperiments(rig, chosen);
    // A part of a whole is for the eye; only a whole run is kept.
    await writeResults(record, { keep: !values.quick && wanted === undefined, say });
    return record.experiments.some(({ failure }) => failure !== undefined) ? 1 : 0;
  } finally {
    await close();
  }
}
