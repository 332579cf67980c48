import type { FaultRecord } from './faults/inflict.ts';

/** An order that was paid: when it was written, and when its outcome reached Orders. */
export interface Paid {
  readonly createdAt: number;
  readonly finishedAt: number;
}

/** How long after the fault healed the first order, of those written after that, was FINISHED. */
export function recoveryMs(healedAt: number, paidByTime: readonly Paid[]): number | undefined {
  let first = Infinity;
  for (const { createdAt, finishedAt } of paidByTime) if (createdAt >= healedAt) first = Math.min(first, finishedAt);
  return Number.isFinite(first) ? first - healedAt : undefined;
}

export interface KindOfFault {
  readonly kind: string;
  readonly count: number;
  /** Of these, those that did not come about as planned. */
  readonly missed: number;
  readonly recoveryMedianMs: number | undefined;
  readonly recoveryMaxMs: number | undefined;
}

/** Kind by kind, with the times until an order went through again, whatever else was broken then. */
export function recoveryByKind(records: readonly FaultRecord[], paid: readonly Paid[]): KindOfFault[] {
  const byKind = Map.groupBy(records, ({ planned: { fault } }) => kindOf(fault));
  return [...byKind]
    .map(([kind, list]) => {
      const times = list
        .map(({ healedAt }) => recoveryMs(healedAt, paid))
        .filter((time) => time !== undefined)
        .sort((a, b) => a - b);
      return {
        kind,
        count: list.length,
        missed: list.filter(({ missed }) => missed !== undefined).length,
        recoveryMedianMs: times[Math.floor(times.length / 2)],
        recoveryMaxMs: times.at(-1),
      };
    })
    .sort((a, b) => a.kind.localeCompare(b.kind));
}

function kindOf(fault: FaultRecord['planned']['fault']): string {
  if (fault.kind === 'seam') return `seam in ${fault.seam.split('.')[0]}`;
  if (['cut', 'slow', 'silence', 'reset'].includes(fault.kind)) return `link ${fault.kind}`;
  return `${fault.kind} ${fault.target}`;
}
