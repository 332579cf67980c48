import { setTimeout as sleep } from 'node:timers/promises';
import { watchSeam } from '@order-payments/local/test-kit/seam-log.ts';
import type { Fault } from '../schedule.ts';
import { holds } from '../stage.ts';
import type { Stage } from '../stage.ts';
import type { Inflicted } from './inflict.ts';

const REACHED_TIMEOUT_MS = 30_000;
/** Slow machines included: a process waits for the registry, and the registry for its database. */
const BACK_TIMEOUT_MS = 180_000;
const DYING_MS = 300;
/** The sweeper looks after orders that are half a second old, so that there are some. */
const HASTY = { SWEEP_OVERDUE_MS: '500', SWEEP_INTERVAL_MS: '200', SWEEP_BACKOFF_MS: '1000' };

/** One life of the process is armed: it dies by its own hand when it comes to the seam. The next life is not. */
export async function seam(stage: Stage, fault: Extract<Fault, { kind: 'seam' }>): Promise<Inflicted> {
  const { target } = fault;
  const part = stage.platform.part(target);
  await part.untilReady(BACK_TIMEOUT_MS);
  const sweeps = fault.seam.startsWith('sweeper.');
  const passed = watchSeam(stage.platform.logs, target, fault.seam);
  const env = { CRASH_AT: fault.seam, CRASH_SIGNAL: 'SIGKILL', ...(sweeps ? HASTY : {}) };
  // A consumer that is killed keeps its partitions for its session: asked to end, it leaves them to its armed self at once.
  if (fault.seam.startsWith('consumer.')) await stage.replace(target, env);
  else {
    stage.arm(target, env);
    if (stage.kill(target) === undefined) stage.disarm(target);
  }
  // Without Payments, orders stay NEW until the sweeper finds them.
  if (sweeps) stage.kill('payments');
  const reached = await holds(passed, REACHED_TIMEOUT_MS);
  const healedAt = Date.now();
  if (!reached) await stage.replace(target);
  if (passed()) stage.expectDeath(target);
  // The dying process may look ready for a moment.
  await sleep(DYING_MS);
  await part.untilReady(BACK_TIMEOUT_MS);
  return passed() ? { healedAt } : { healedAt, missed: 'it did not come to its seam' };
}
