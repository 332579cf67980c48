import { setTimeout as sleep } from 'node:timers/promises';
import { duplicateRecords } from '@order-payments/local/test-kit/duplicate-records.ts';
import { withSuperuser } from '../databases.ts';
import type { Fault } from '../schedule.ts';
import type { Stage } from '../stage.ts';
import type { Inflicted } from './inflict.ts';

// Conflicts with every insert and with no read.
const LOCK = 'begin; set local lock_timeout = 5000; lock table inbox in share row exclusive mode';
const HELD_AT_WAKING_MS = 700;

/** Someone holds the inbox, as a change of its table would: the consumer stands still, and all else goes on. */
export async function lock(stage: Stage, { target, lastsMs }: Extract<Fault, { kind: 'lock' }>): Promise<Inflicted> {
  return await withSuperuser(stage, target, async (client) => {
    await client.query(LOCK);
    await sleep(lastsMs);
    await client.query('rollback');
    return { healedAt: Date.now() };
  });
}

/**
 * The consumer freezes while every event is copied into the other partitions, and wakes with the same events in several
 * hands at once; and all of them come to the inbox before any can write there.
 */
export async function pileUp(
  stage: Stage,
  { target, lastsMs }: Extract<Fault, { kind: 'pile-up' }>,
): Promise<Inflicted> {
  const { kafkaBrokers, topics } = stage.platform.surroundings;
  const topic = target === 'payments' ? topics.orders : topics.payments;
  const part = stage.platform.part(target);
  const duplicator = await duplicateRecords(kafkaBrokers, [topic], { fromBeginning: false, intoOthers: 3 });
  const pid = part.pid();
  part.kill('SIGSTOP');
  try {
    await sleep(lastsMs);
    await duplicator.stop();
    await withSuperuser(stage, target, async (client) => {
      // It may have frozen in a transaction, which has to end first. What it begins then waits behind this lock.
      part.kill('SIGCONT');
      await client.query(LOCK);
      await sleep(HELD_AT_WAKING_MS);
      await client.query('rollback');
    });
  } finally {
    part.kill('SIGCONT');
  }
  const healedAt = Date.now();
  if (part.pid() !== pid) return { healedAt, missed: 'it was killed meanwhile' };
  return { healedAt, note: `${duplicator.copied(topic)} copies` };
}
