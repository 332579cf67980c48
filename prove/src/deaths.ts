/** How a process ended, as its supervisor says, and when that was seen. */
export interface Death {
  readonly part: string;
  readonly at: number;
  readonly reason: string;
}

/** A death that is our doing: of that part, within that time, and in that way. */
export interface PlannedDeath {
  readonly part: string;
  readonly from: number;
  readonly until: number;
  readonly reason: RegExp;
}

/** Deaths that nobody planned. Each plan answers for one death; one that did not come about excuses nothing that comes later. */
export function unplanned(deaths: readonly Death[], plans: readonly PlannedDeath[]): Death[] {
  const open = plans.toSorted((a, b) => a.until - b.until);
  return deaths.filter(({ part, at, reason }) => {
    const plan = open.findIndex(
      (one) => one.part === part && one.from <= at && at <= one.until && one.reason.test(reason),
    );
    if (plan === -1) return true;
    open.splice(plan, 1);
    return false;
  });
}
