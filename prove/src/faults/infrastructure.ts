import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../schedule.ts';
import type { Stage } from '../stage.ts';
import type { Inflicted } from './inflict.ts';

const BACK_TIMEOUT_MS = 180_000;

/** kill -9; the supervisor starts it again at once. Healed when it answers. */
export async function restart(stage: Stage, { target }: Extract<Fault, { kind: 'restart' }>): Promise<Inflicted> {
  const killed = stage.kill(target);
  if (killed === undefined) return { healedAt: Date.now(), missed: 'it was down at this moment' };
  await stage.untilBack(target, killed);
  return { healedAt: Date.now() };
}

/** kill -9, and nobody starts it for a while. */
export async function away(stage: Stage, { target, lastsMs }: Extract<Fault, { kind: 'away' }>): Promise<Inflicted> {
  const part = stage.platform.part(target);
  part.kill('SIGKILL');
  await part.stop();
  await sleep(lastsMs);
  part.start();
  await part.untilReady(BACK_TIMEOUT_MS);
  return { healedAt: Date.now() };
}
