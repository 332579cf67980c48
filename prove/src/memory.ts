import { readFileSync } from 'node:fs';

/** One life of one process: its resident memory, sampled from its start to its end. */
export interface Life {
  readonly part: string;
  readonly pid: number;
  readonly beganAt: number;
  readonly samples: Array<{ readonly at: number; readonly megabytes: number }>;
}

export interface MemoryFinding {
  readonly part: string;
  readonly livedSeconds: number;
  readonly firstThirdMax: number;
  readonly lastThirdMax: number;
  readonly isFlat: boolean;
}

const SAMPLE_INTERVAL_MS = 2_000;
/** While a process warms up its code is compiled and its caches fill: that is not growth. */
const WARM_UP_MS = 60_000;
/** A shorter life says nothing about growth. */
const LIFE_MIN_MS = 240_000;
/** What the garbage collector's own breathing may make of the same work. */
const ALLOWED_SHARE = 1.25;
const ALLOWED_MEGABYTES = 24;

/** Samples the resident memory of each part's process. */
export class MemoryWatch {
  readonly lives: Life[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(parts: readonly string[], pidOf: (part: string) => number | undefined, intervalMs = SAMPLE_INTERVAL_MS) {
    const sample = (): void => {
      for (const part of parts) this.#sample(part, pidOf(part));
    };
    this.#timer = setInterval(sample, intervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(part: string, pid: number | undefined): void {
    const megabytes = pid === undefined ? undefined : residentMegabytes(pid);
    if (pid === undefined || megabytes === undefined) return;
    const at = Date.now();
    let life = this.lives.findLast((one) => one.part === part);
    // The kernel gives the ids of earlier lives again.
    if (life?.pid !== pid) this.lives.push((life = { part, pid, beganAt: at, samples: [] }));
    life.samples.push({ at, megabytes });
  }
}

/** Of each life that was long enough: is the most it had in its last third what it had in its first, but for the collector's breathing? */
export function judgeMemory(lives: readonly Life[]): MemoryFinding[] {
  return lives.flatMap(({ part, beganAt, samples }) => {
    const end = samples.at(-1)?.at ?? beganAt;
    if (end - beganAt < LIFE_MIN_MS) return [];
    const begin = beganAt + WARM_UP_MS;
    const third = (end - begin) / 3;
    const maxBetween = (from: number, to: number): number =>
      Math.max(...samples.filter(({ at }) => at >= from && at <= to).map(({ megabytes }) => megabytes));
    const firstThirdMax = maxBetween(begin, begin + third);
    const lastThirdMax = maxBetween(end - third, end);
    return {
      part,
      livedSeconds: Math.round((end - beganAt) / 1_000),
      firstThirdMax,
      lastThirdMax,
      isFlat: lastThirdMax <= firstThirdMax * ALLOWED_SHARE + ALLOWED_MEGABYTES,
    };
  });
}

/** The most any life of each part had. */
export function peaks(lives: readonly Life[]): Record<string, number> {
  const peak: Record<string, number> = {};
  for (const { part, samples } of lives)
    for (const { megabytes } of samples) peak[part] = Math.max(peak[part] ?? 0, megabytes);
  return peak;
}

function residentMegabytes(pid: number): number | undefined {
  try {
    const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Math.round(Number(kilobytes) / 1_024);
  } catch {
    // It has just ended, or this is not Linux.
    return undefined;
  }
}
