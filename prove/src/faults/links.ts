import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../schedule.ts';
import type { Stage } from '../stage.ts';
import type { Inflicted } from './inflict.ts';

const DELAY_MS = 150;

export type LinkFault = Extract<Fault, { kind: 'cut' | 'slow' | 'silence' | 'reset' }>;

export async function troubleLink(stage: Stage, { kind, target, lastsMs }: LinkFault): Promise<Inflicted> {
  const link = stage.links[target];
  if (link === undefined) return { healedAt: Date.now(), missed: 'there is no proxy' };
  if (kind === 'cut') link.cut();
  else if (kind === 'slow') link.slow(DELAY_MS);
  else if (kind === 'silence') link.silenceOpenConnections();
  else link.resetOpenConnections();
  await sleep(lastsMs);
  // Silent connections stay so, as those to a lost node do: whoever uses them has to notice by itself.
  link.mend();
  return { healedAt: Date.now() };
}
