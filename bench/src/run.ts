import { loadavg } from 'node:os';
import { CorrectnessError, median, valueOf, type Experiment, type Goal, type Readings } from './measure.ts';
import { describeMachine, type Machine } from './report/machine.ts';
import type { Rig } from './rig.ts';

/** All that a run saw, as it is written to the JSON file. */
export interface RunRecord {
  readonly startedAt: string;
  readonly seconds: number;
  readonly quick: boolean;
  readonly machine: Machine;
  readonly loadBefore: readonly number[];
  readonly loadAfter: readonly number[];
  readonly experiments: readonly ExperimentRecord[];
}

export interface ExperimentRecord {
  readonly name: string;
  readonly pairs: readonly Readings[];
  readonly loads: ReadonlyArray<readonly number[]>;
  readonly goals: readonly GoalRecord[];
  /** Readings that are lines of the report and no goal's. */
  readonly lines: Readings;
  readonly failure?: string;
}

export interface GoalRecord extends Goal {
  /** Medians over the pairs; `value` is the median of the pairs' own. */
  readonly floorMedian: number | undefined;
  readonly oursMedian: number;
  readonly value: number;
  readonly least: number;
  readonly most: number;
  readonly met: 'aim' | 'must' | 'missed';
}

export async function runExperiments(rig: Rig, experiments: readonly Experiment[]): Promise<RunRecord> {
  const startedMs = performance.now();
  const startedAt = new Date().toISOString();
  const loadBefore = loadavg();
  const records: ExperimentRecord[] = [];
  for (const experiment of experiments) {
    const record = await runExperiment(rig, experiment);
    records.push(record);
    for (const goal of record.goals) rig.say(`${goal.id}: ${describe(goal)}`);
    // What one left behind would be the next one's.
    if (record.failure !== undefined) break;
  }
  return {
    startedAt,
    seconds: Math.round((performance.now() - startedMs) / 1_000),
    quick: rig.effort.quick,
    machine: await describeMachine(rig),
    loadBefore,
    loadAfter: loadavg(),
    experiments: records,
  };
}

async function runExperiment(rig: Rig, experiment: Experiment): Promise<ExperimentRecord> {
  const { name, goals } = experiment;
  const pairs: Readings[] = [];
  const loads: number[][] = [];
  const pairsWanted = Math.min(experiment.pairs ?? rig.effort.pairs, rig.effort.pairs);
  const summary = (failure?: string): ExperimentRecord => ({
    name,
    pairs,
    loads,
    goals: pairs.length === 0 ? [] : goals.map((goal) => summarise(goal, pairs)),
    lines: experiment.listed ? medians(pairs) : {},
    ...(failure !== undefined && { failure }),
  });
  const opened = await experiment.open(rig);
  try {
    for (let pair = 1; pair <= pairsWanted; pair += 1) {
      const readings: Record<string, number> = {};
      loads.push(loadavg());
      for (const step of opened.steps) {
        const seen = await step.run();
        Object.assign(readings, seen);
        rig.say(`${name} ${pair}/${pairsWanted} ${step.name}: ${tell(seen)} (load ${loadavg()[0]?.toFixed(1)})`);
      }
      pairs.push(readings);
    }
    return summary();
  } catch (error) {
    if (!(error instanceof CorrectnessError)) throw error;
    rig.say(`${name} FAILED: ${error.message}`);
    return summary(error.message);
  } finally {
    await opened.close();
  }
}

function medians(pairs: readonly Readings[]): Readings {
  const names = Object.keys(pairs[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(pairs.map((readings) => readings[name] ?? Number.NaN))]));
}

function summarise(goal: Goal, pairs: readonly Readings[]): GoalRecord {
  const values = pairs.map((readings) => valueOf(goal, readings));
  const of = medians(pairs);
  const value = median(values);
  const reaches = (bound: number): boolean => (goal.atMost ? value <= bound : value >= bound);
  return {
    ...goal,
    floorMedian: goal.floor === undefined ? undefined : of[goal.floor],
    oursMedian: of[goal.ours] ?? Number.NaN,
    value,
    least: Math.min(...values),
    most: Math.max(...values),
    met: reaches(goal.aim) ? 'aim' : reaches(goal.must) ? 'must' : 'missed',
  };
}

function describe({ value, least, most, must, aim, met }: GoalRecord): string {
  return `${figure(value)} (${figure(least)} to ${figure(most)}), must ${must}, aim ${aim}: ${met}`;
}

function tell(readings: Readings): string {
  return Object.entries(readings)
    .map(([name, value]) => `${name} ${figure(value)}`)
    .join(', ');
}

/** Three digits are more than a shared machine can mean. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
}
