import { availableParallelism, loadavg } from 'node:os';
import type { Arena } from './arena.ts';

/** Wrong answers that are told in full; the rest is only counted. */
const WRONG_TOLD_MAX = 20;

/** One kind of bad input against the running platform. */
export interface Attack {
  readonly name: string;
  run(arena: Arena): Promise<Tally>;
}

/** What was sent and what came back. */
export class Tally {
  sent = 0;
  readonly answers = new Map<string, number>();
  readonly wrong: string[] = [];
  wrongCount = 0;
  /** Bounds that were exceeded while the machine was too busy to say by whom. */
  readonly unjudged: string[] = [];
  /** Numbers worth a line below the table. */
  readonly notes: string[] = [];

  count(answer: string, times = 1): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + times);
  }

  /** What must not be. */
  defect(what: string): void {
    this.wrongCount += 1;
    if (this.wrong.length < WRONG_TOLD_MAX) this.wrong.push(what);
  }

  /** The same as `defect`, where it is one. */
  demand(isRight: boolean, what: string): void {
    if (!isRight) this.defect(what);
  }
}

/** A load average of so many for each core: other programs have the machine, and times say nothing about ours. */
const BUSY_PER_CORE = 3;

/** A bound on time or throughput: what is beyond it is a defect, or is not judged where the machine is busy with other things. */
export function demandInTime(tally: Tally, isRight: boolean, what: string): void {
  const load = loadavg()[0] ?? 0;
  if (isRight || load <= BUSY_PER_CORE * availableParallelism()) tally.demand(isRight, what);
  else tally.unjudged.push(`not judged at a load average of ${load.toFixed(0)}: ${what}`);
}

/** So many workers at once until all items are worked on. */
export async function inParallel<T>(
  workers: number,
  items: Iterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const next = items[Symbol.iterator]();
  const loop = async (): Promise<void> => {
    for (let item = next.next(); item.done !== true; item = next.next()) await work(item.value);
  };
  await Promise.all(Array.from({ length: workers }, loop));
}
