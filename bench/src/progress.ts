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
/** Without any progress for so long, something is lost. */
const PATIENCE_MS = 45_000;

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
    if (ms - movedMs > PATIENCE_MS) throw new CorrectnessError(`${count - done} of ${count} were never done`);
    await sleep(done > 0.8 * count ? LAST_INTERVAL_MS : INTERVAL_MS);
  }
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
