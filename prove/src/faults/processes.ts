import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../schedule.ts';
import { SERVICES } from '../schedule.ts';
import type { Stage } from '../stage.ts';
import type { Inflicted } from './inflict.ts';

/** kill -9 of one of our processes, or of all at once; the platform heals itself from this moment on. */
export async function kill(stage: Stage, { target }: Extract<Fault, { kind: 'kill' }>): Promise<Inflicted> {
  const killed = new Map<string, number>();
  for (const part of target === 'all' ? SERVICES : [target]) {
    const pid = stage.kill(part);
    if (pid !== undefined) killed.set(part, pid);
  }
  const healedAt = Date.now();
  for (const [part, pid] of killed) await stage.untilBack(part, pid);
  return killed.size > 0 ? { healedAt } : { healedAt, missed: 'it was down at this moment' };
}

export async function terminate(stage: Stage, { target }: Extract<Fault, { kind: 'terminate' }>): Promise<Inflicted> {
  const ended = await stage.replace(target);
  const healedAt = Date.now();
  if (ended === undefined) return { healedAt, missed: 'it was down at this moment' };
  await stage.untilBack(target, ended);
  return { healedAt };
}

export async function freeze(stage: Stage, fault: Extract<Fault, { kind: 'freeze' }>): Promise<Inflicted> {
  const part = stage.platform.part(fault.target);
  const pid = part.pid();
  part.kill('SIGSTOP');
  await sleep(fault.lastsMs);
  part.kill('SIGCONT');
  const healedAt = Date.now();
  return pid !== undefined && part.pid() === pid ? { healedAt } : { healedAt, missed: 'it was killed meanwhile' };
}
