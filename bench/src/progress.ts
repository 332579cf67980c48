import { setTimeout as sleep } from 'node:timers/promises';
import { readCounter } from '@order-payments/local/test-kit/counter.ts';
import { CorrectnessError } from './measure.ts';

/** How many were done at which time, in milliseconds of performance.now(). */
export interface Mark {
  readonly ms: number;
  readonly done: number;
}

const INTERVAL_MS = 200;
const LAST_INTERVAL_MS = 40;
/** Of whatever is waited for. A crowded machine may take long for the next of anything, but not so long: then it hangs, or something is lost. */
export const HANG_MS = 180_000;

/** Looks at a number until it has grown by `count`: often towards the end, seldom before, for each look costs a little. */
export async function untilDone(look: () => Promise<number>, count: number): Promise<Mark[]> {
  const marks: Mark[] = [];
  let movedMs = performance.now();
  for (;;) {
    const done = await look();
    const ms = performance.now();
    if (done !== marks.at(-1)?.done) movedMs = ms;
    marks.push({ ms, done });
    if (done >= count) return marks;
    if (ms - movedMs > HANG_MS) throw new CorrectnessError(`${count - done} of ${count} were never done`);
    await sleep(done > 0.8 * count ? LAST_INTERVAL_MS : INTERVAL_MS);
  }
}

/** Of the whole: what a process that has just been started does before it is warm. */
const WARM_UP = 0.1;

/** A second, from the first look that saw a tenth of them done to the end; not a number where the first was the last. */
export function rateOf(marks: readonly Mark[], count: number): number {
  const first = marks.find(({ done }) => done >= WARM_UP * count);
  const last = marks.at(-1);
  if (first === undefined || last === undefined || first === last) return Number.NaN;
  return ((last.done - first.done) / (last.ms - first.ms)) * 1_000;
}

/** The growth of a metric from now on. The process must not be started anew meanwhile. */
export async function growthOf(
  metricsPort: number,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<() => Promise<number>> {
  const before = await readCounter(metricsPort, name, labels);
  return async () => (await readCounter(metricsPort, name, labels)) - before;
}
