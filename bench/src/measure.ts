import type { Rig } from './rig.ts';

/** What the steps of one pair saw, by name: `F`, `ours`, `p99`, ... */
export type Readings = Readonly<Record<string, number>>;

/** A line of the table: one number of each pair, which has to be at least (or, where `atMost`, at most) `must`. */
export interface Goal {
  readonly id: string;
  readonly what: string;
  /** The reading that is the floor, and the one that is ours; undefined where the goal is no ratio. */
  readonly floor: string | undefined;
  readonly ours: string;
  readonly unit: string;
  readonly must: number;
  readonly aim: number;
  readonly atMost?: true;
}

/** A floor, or ours. Steps take turns, A B A B, so that what else the machine does meets all of them. */
export interface Step {
  readonly name: string;
  run(): Promise<Readings>;
}

export interface Experiment {
  readonly name: string;
  readonly goals: readonly Goal[];
  /** Pairs in a whole run, where that is not the usual number. */
  readonly pairs?: number;
  /** It installs programs of others, which takes longer than a quick run may: not in one unless asked for. */
  readonly installs?: true;
  /** It has no goals, and its readings are lines of the report nevertheless. */
  readonly listed?: true;
  open(rig: Rig): Promise<OpenExperiment>;
}

export interface OpenExperiment {
  readonly steps: readonly Step[];
  close(): Promise<void>;
}

/** How much of everything: a whole run, or a quick one that only shows that each measure works. */
export interface Effort {
  readonly quick: boolean;
  readonly pairs: number;
  /** Of each timed run whose length is chosen by time. */
  readonly seconds: number;
  /** Before a timed run, where a floor or a peer might be colder than ours. */
  readonly warmUpSeconds: number;
  /** Of each timed run whose length is chosen by number. */
  readonly orders: number;
  readonly relayedEvents: number;
  readonly backlog: number;
}

// No timed run is shorter than 8 s: the whole chain finishes 5,000 to 10,000 orders a second, and kafkajs alone sends up to
// 80,000 events.
export const wholeEffort: Effort = {
  quick: false,
  pairs: 5,
  seconds: 8,
  warmUpSeconds: 4,
  orders: 100_000,
  relayedEvents: 700_000,
  backlog: 1_000_000,
};

export const quickEffort: Effort = {
  quick: true,
  pairs: 1,
  seconds: 2,
  warmUpSeconds: 1,
  orders: 5_000,
  relayedEvents: 20_000,
  backlog: 20_000,
};

/** Settling alone is the fastest: 16,000 orders a second, of which the first tenth is not timed. */
export const ordersToSettle = ({ orders }: Effort): number => 1.5 * orders;

/** Whether nothing of an effort is less than of the whole one. */
export function isWhole<Of extends object>(effort: Of, whole: Of): boolean {
  return (Object.keys(whole) as Array<keyof Of>).every((part) => effort[part] >= whole[part]);
}

/** Something was lost, doubled or wrong: the one thing that makes a run fail. */
export class CorrectnessError extends Error {
  override readonly name = 'CorrectnessError';
}

/** The goal's number in one pair: ours by the floor. */
export function valueOf({ floor, ours }: Goal, readings: Readings): number {
  const own = readings[ours] ?? Number.NaN;
  return floor === undefined ? own : own / (readings[floor] ?? Number.NaN);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
}
