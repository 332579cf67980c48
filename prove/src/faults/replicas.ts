import { setTimeout as sleep } from 'node:timers/promises';
import type { Service } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { standbyRelay } from '@order-payments/local/platform.ts';
import { freePort } from '@order-payments/local/ports.ts';
import type { Part } from '@order-payments/local/process/part.ts';
import type { PartHandle } from '@order-payments/local/process/supervisor.ts';
import { replicaPart } from '@order-payments/local/test-kit/replica.ts';
import { watchSeam } from '@order-payments/local/test-kit/seam-log.ts';
import { withSuperuser } from '../databases.ts';
import type { Fault } from '../schedule.ts';
import { holds } from '../stage.ts';
import type { Stage } from '../stage.ts';
import type { Inflicted } from './inflict.ts';

const READY_TIMEOUT_MS = 120_000;
/** Longer than a storm: when the other lanes are over, events flow and a batch comes into its hands. */
const FROZEN_TIMEOUT_MS = 60_000;
/** Beyond the fault's own time, for a machine on which the standby is slow to ask for the lock. */
const LEADING_TIMEOUT_MS = 10_000;
/** Time for the one that woke to do what it still thinks is its own. */
const AFTERMATH_MS = 3_000;

const BATCH_IN_HAND = { orders: 'consumer.inbox-written', payments: 'consumer.settled' } as const;

/** A second replica freezes itself in the middle of a batch, for longer than its session with Kafka and with PostgreSQL. */
export async function zombie(
  stage: Stage,
  { target, lastsMs }: Extract<Fault, { kind: 'zombie' }>,
): Promise<Inflicted> {
  const name = `${target}-zombie`;
  const seam = BATCH_IN_HAND[target];
  const frozen = watchSeam(stage.platform.logs, name, seam);
  stage.arm(name, { CRASH_AT: seam, CRASH_SIGNAL: 'SIGSTOP' });
  const replica = startAnother(stage, name, () => replicaPart(stage.platform.surroundings, target, name));
  const reached = await holds(frozen, FROZEN_TIMEOUT_MS);
  if (reached) await sleep(lastsMs);
  const part = await replica;
  part.kill('SIGCONT');
  const healedAt = Date.now();
  await sleep(AFTERMATH_MS);
  await part.stop();
  return reached ? { healedAt } : { healedAt, missed: 'no batch came into its hands' };
}

/** The leader freezes until its standby leads, and wakes beside it. */
export async function splitBrain(
  stage: Stage,
  { target, lastsMs }: Extract<Fault, { kind: 'split-brain' }>,
): Promise<Inflicted> {
  const name = `outbox-relay-${target}-standby`;
  const metricsPort = await freePort();
  const standby = await startAnother(stage, name, async () => standbyRelay(stage.platform, target, metricsPort));
  await standby.untilReady(READY_TIMEOUT_MS);
  const relay = stage.platform.part(`outbox-relay-${target}`);
  const pid = relay.pid();
  relay.kill('SIGSTOP');
  const before = await leaderSession(stage, target);
  await sleep(lastsMs);
  // What is frozen opens no session: another one that leads is the standby's.
  const isOther = (session: number | undefined): boolean => session !== undefined && session !== before;
  const led = await holds(async () => isOther(await leaderSession(stage, target)), LEADING_TIMEOUT_MS);
  relay.kill('SIGCONT');
  const healedAt = Date.now();
  const wasFrozen = pid !== undefined && relay.pid() === pid;
  await sleep(AFTERMATH_MS);
  await standby.stop();
  if (!wasFrozen) return { healedAt, missed: 'it was killed meanwhile' };
  if (before === undefined) return { healedAt, missed: 'nobody led when it froze' };
  return led ? { healedAt } : { healedAt, missed: 'its standby did not come to lead' };
}

/** The process in PostgreSQL that holds the relays' lock; undefined where none does, or the database is away. */
async function leaderSession(stage: Stage, service: Service): Promise<number | undefined> {
  return withSuperuser(stage, service, async (client) => {
    const { rows } = await client.query<{ pid: number }>(
      `select pid from pg_locks join pg_stat_activity using (pid)
       where locktype = 'advisory' and granted and datname = current_database() and application_name like '% leadership'`,
    );
    return rows[0]?.pid;
  }).catch(() => undefined);
}

/** A part that is added the first time, and started again later. */
async function startAnother(stage: Stage, name: string, make: () => Promise<Part>): Promise<PartHandle> {
  const { platform } = stage;
  if (stage.added.has(name)) platform.part(name).start();
  else {
    stage.added.add(name);
    // It may freeze before it is ready, so nobody waits for that here.
    platform.add(await make()).catch(() => undefined);
  }
  return platform.part(name);
}
