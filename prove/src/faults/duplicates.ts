import { setTimeout as sleep } from 'node:timers/promises';
import { duplicateRecords } from '@order-payments/local/test-kit/duplicate-records.ts';
import { eventually } from '@order-payments/local/test-kit/eventually.ts';
import type { Fault } from '../schedule.ts';
import type { Stage } from '../stage.ts';
import type { Inflicted } from './inflict.ts';

const BEGIN_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;

/** Kafka may be away at this moment. */
async function begin<T>(attempt: () => Promise<T>): Promise<T | undefined> {
  return eventually(attempt, { timeoutMs: BEGIN_TIMEOUT_MS }).catch(() => undefined);
}

/** Every event that is published meanwhile comes twice, one in ten of them late. */
export async function duplicates(
  stage: Stage,
  { lastsMs }: Extract<Fault, { kind: 'duplicates' }>,
): Promise<Inflicted> {
  const { kafkaBrokers, topics } = stage.platform.surroundings;
  const names = Object.values(topics);
  const duplicator = await begin(() => duplicateRecords(kafkaBrokers, names, { fromBeginning: false }));
  if (duplicator === undefined) return { healedAt: Date.now(), missed: 'Kafka was away for all of its time' };
  await sleep(lastsMs);
  // Kafka may be away at this moment, and the client patient.
  await Promise.race([duplicator.stop().catch(() => undefined), sleep(STOP_TIMEOUT_MS)]);
  const copies = names.reduce((sum, topic) => sum + duplicator.copied(topic), 0);
  return { healedAt: Date.now(), note: `${copies} copies`, ...(copies > 0 ? {} : { missed: 'nothing was copied' }) };
}
