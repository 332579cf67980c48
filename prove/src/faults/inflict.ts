import { setTimeout as sleep } from 'node:timers/promises';
import { beginOfStorm, CALM_MS, stormOf } from '../schedule.ts';
import type { Fault, PlannedFault } from '../schedule.ts';
import type { Stage } from '../stage.ts';
import { duplicates } from './duplicates.ts';
import { away, restart } from './infrastructure.ts';
import { troubleLink } from './links.ts';
import { lateCommit } from './late-commit.ts';
import { poison, refusal } from './letters.ts';
import { lock, pileUp } from './locks.ts';
import { freeze, kill, terminate } from './processes.ts';
import { splitBrain, zombie } from './replicas.ts';
import { seam } from './seams.ts';

/** What became of a fault. */
export interface Inflicted {
  /** When nothing of it was in the way any more: what died may start again, what was frozen or cut goes on. */
  readonly healedAt: number;
  readonly note?: string;
  /** Why it did not come about as planned: a seam that was not reached, a process that another fault had killed. */
  readonly missed?: string;
}

export interface FaultRecord extends Inflicted {
  readonly planned: PlannedFault;
  readonly beganAt: number;
  /** What did not come back. */
  readonly failed?: string;
}

/**
 * Inflicts every fault at its time; within a storm each lane one after another, the lanes side by side. Where a machine is too
 * slow for a storm's time, the next one comes later, for the platform must have its calm.
 */
export async function inflictAll(
  stage: Stage,
  schedule: readonly PlannedFault[],
  {
    signal,
    onRecord,
    onBegin,
  }: {
    readonly signal: AbortSignal;
    readonly onBegin: (planned: PlannedFault) => void;
    readonly onRecord: (record: FaultRecord) => void;
  },
): Promise<void> {
  let zero = Date.now();
  const runLane = async (faults: readonly PlannedFault[]): Promise<void> => {
    for (const planned of faults) {
      await sleep(Math.max(0, zero + planned.atMs - Date.now()), undefined, { signal });
      onBegin(planned);
      onRecord(await inflictOne(stage, planned));
    }
  };
  for (const [storm, faults] of Map.groupBy(schedule, stormOf)) {
    await Promise.all([...Map.groupBy(faults, ({ lane }) => lane).values()].map(runLane));
    zero = Math.max(zero, Date.now() + CALM_MS - beginOfStorm(storm + 1));
  }
}

async function inflictOne(stage: Stage, planned: PlannedFault): Promise<FaultRecord> {
  const beganAt = Date.now();
  try {
    return { planned, beganAt, ...(await inflict(stage, planned.fault)) };
  } catch (error) {
    const failed = error instanceof Error ? error.message : String(error);
    return { planned, beganAt, healedAt: Date.now(), failed };
  }
}

async function inflict(stage: Stage, fault: Fault): Promise<Inflicted> {
  switch (fault.kind) {
    case 'kill':
      return kill(stage, fault);
    case 'terminate':
      return terminate(stage, fault);
    case 'freeze':
      return freeze(stage, fault);
    case 'restart':
      return restart(stage, fault);
    case 'away':
      return away(stage, fault);
    case 'cut':
    case 'slow':
    case 'silence':
    case 'reset':
      return troubleLink(stage, fault);
    case 'duplicates':
      return duplicates(stage, fault);
    case 'zombie':
      return zombie(stage, fault);
    case 'split-brain':
      return splitBrain(stage, fault);
    case 'lock':
      return unlessAway(lock(stage, fault));
    case 'pile-up':
      return unlessAway(pileUp(stage, fault));
    case 'late-commit':
      return unlessAway(lateCommit(stage, fault));
    case 'poison':
      return poison(stage);
    case 'refusal':
      return refusal(stage, fault);
    case 'seam':
      return seam(stage, fault);
  }
}

/** These act through Kafka and the databases, which another fault may have taken away: then nothing came about. */
async function unlessAway(inflicting: Promise<Inflicted>): Promise<Inflicted> {
  return await inflicting.catch((error: unknown) => ({ healedAt: Date.now(), missed: String(error) }));
}
