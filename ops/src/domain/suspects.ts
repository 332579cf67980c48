import { invariantNames, type Invariant, type Violation } from './invariants.ts';

export interface Finding {
  readonly violations: number;
  /** The first ones. */
  readonly examples: readonly Violation[];
}

export interface Suspects {
  add(violations: readonly Violation[]): void;
  isFull(): boolean;
  /** Looks at all suspects again; those that are still wrong in the same way are violations, the others have healed. */
  confirm(): Promise<void>;
  findings(): Readonly<Record<Invariant, Finding>>;
}

/** Looks at these subjects again, all of one invariant. */
export type LookAgain = (invariant: Invariant, subjects: readonly string[]) => Promise<readonly Violation[]>;

/**
 * What looked wrong once. The databases are read one after the other while the platform works, so a difference counts
 * only when it is there after a pause, too. Full, it must be confirmed before it takes more: memory is bounded, however
 * much is wrong.
 */
export function createSuspects(options: {
  pause: () => Promise<void>;
  lookAgain: LookAgain;
  examplesMax: number;
  suspectsMax: number;
}): Suspects {
  const suspects = emptyRecord(() => new Set<string>());
  const found = emptyRecord(() => ({ violations: 0, examples: new Array<Violation>() }));
  const size = () => invariantNames.reduce((total, name) => total + suspects[name].size, 0);

  const confirmInvariant = async (invariant: Invariant): Promise<void> => {
    const subjects = [...suspects[invariant]];
    suspects[invariant].clear();
    for (let start = 0; start < subjects.length; start += lookAgainMax) {
      const asked = subjects.slice(start, start + lookAgainMax);
      const again = (await options.lookAgain(invariant, asked)).filter((seen) => seen.invariant === invariant);
      for (const violation of onePerSubject(again)) {
        const finding = found[invariant];
        finding.violations += 1;
        if (finding.examples.length < options.examplesMax) finding.examples.push(violation);
      }
    }
  };

  return {
    add: (violations) => {
      for (const { invariant, subject } of violations) suspects[invariant].add(subject);
    },
    isFull: () => size() >= options.suspectsMax,
    async confirm() {
      if (size() === 0) return;
      await options.pause();
      for (const invariant of invariantNames) await confirmInvariant(invariant);
    },
    findings: () => found,
  };
}

// A statement's array of ids stays small.
const lookAgainMax = 1_000;

function onePerSubject(violations: readonly Violation[]): Violation[] {
  const bySubject = new Map<string, Violation>();
  for (const violation of violations) {
    const before = bySubject.get(violation.subject);
    const what = before === undefined ? violation.what : `${before.what}; ${violation.what}`;
    bySubject.set(violation.subject, { ...violation, what });
  }
  return [...bySubject.values()];
}

function emptyRecord<Value>(create: () => Value): Record<Invariant, Value> {
  return { I1: create(), I2: create(), I3: create(), I4: create(), I6: create() };
}
