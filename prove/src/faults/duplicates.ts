import { setTimeout as sleep } from 'node:timers/promises';
import { duplicateRecords } from '@order-payments/local/test-kit/duplicate-records.ts';
import type { Fault } from '../schedule.ts';
import type { Stage } from '../stage.ts';
import type { Inflicted } from './inflict.ts';

const STOP_TIMEOUT_MS = 20_000;

/** Every event that is published meanwhile comes twice, one in ten of them late. */
export async function duplicates(
  stage: Stage,
  { lastsMs }: Extract<Fault, { kind: 'duplicates' }>,
): Promise<Inflicted> {
  const { kafkaBrokers, topics } = stage.platform.surroundings;
  const names = Object.values(topics);
  const duplicator = await duplicateRecords(kafkaBrokers, names, { fromBeginning: false });
  await sleep(lastsMs);
  // Kafka may be away at this moment, and the client patient.
  await Promise.race([duplicator.stop().catch(() => undefined), sleep(STOP_TIMEOUT_MS)]);
  const copies = names.reduce((sum, topic) => sum + duplicator.copied(topic), 0);
  return { healedAt: Date.now(), note: `${copies} copies`, ...(copies > 0 ? {} : { missed: 'nothing was copied' }) };
}
