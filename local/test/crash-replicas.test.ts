import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { relayPart } from '../src/parts.ts';
import type { Part } from '../src/process/part.ts';
import { groupState } from '../src/test-kit/consumer-groups.ts';
import type { GroupState } from '../src/test-kit/consumer-groups.ts';
import { readCounter } from '../src/test-kit/counter.ts';
import { eventually } from '../src/test-kit/eventually.ts';
import { freePort } from '../src/test-kit/infrastructure.ts';
import { replicaPart } from '../src/test-kit/replica.ts';
import { startServices } from '../src/test-kit/start-services.ts';
import type { TestServices } from '../src/test-kit/start-services.ts';
import { arm, disarm, ends, environmentOf, recover, startArmed } from './armed-part.ts';
import { connect, expectAllRight } from './judge.ts';
import { Shoppers } from './shoppers.ts';
import { consumerInstants } from '../src/test-kit/worst-instants.ts';

const MINUTE_MS = 60_000;

let services: TestServices;
let shoppers: Shoppers;

beforeAll(async () => {
  services = await startServices({
    env: { LOG_LEVEL: 'warn', KAFKA_SESSION_TIMEOUT_MS: '3000' },
    // So that a lost event stays lost and shows: no sweeper tells it again.
    partEnv: { orders: { SWEEP_OVERDUE_MS: '3600000' } },
  });
  shoppers = await Shoppers.open(services.url);
}, 2 * MINUTE_MS);

afterEach(async () => {
  await disarm(services);
  // What a failed test left under way has told what it had to.
  await shoppers.rest().catch(() => undefined);
}, MINUTE_MS);

afterAll(() => services.stop(), MINUTE_MS);

type Service = 'orders' | 'payments';

// The replicas share the partitions, so that one wait for the broker to give up the dead serves them all.
test.each((['orders', 'payments'] as const).flatMap((service) => ends.map((end) => ({ service, ...end }))))(
  'replicas of $service that get $signal, each at another instant of a batch, lose nothing and double nothing',
  async ({ service, signal, end }) => {
    const instants = consumerInstants[service];
    const replicas = await Promise.all(
      instants.map(async ({ seam }, index) => {
        const env = environmentOf(services, service, { seam, signal });
        return startArmed(services, await replica(service, `${service}-${index + 2}`, env), { seam });
      }),
    );
    await untilStable(service, instants.length + 1);
    shoppers.begin();
    for (const one of replicas) expect([one.seam, await one.ended()]).toEqual([one.seam, end]);
    await shoppers.rest();
    await expectAllRight(services, shoppers);
  },
  2 * MINUTE_MS,
);

test(
  'a process that dies during a rebalance with a batch in hand leaves the batch to the others',
  async () => {
    const payments = await connect(services.databases.payments.urls.superuser);
    const holder = await connect(services.databases.payments.urls.superuser);
    await holder.query('begin');
    await holder.query('select from accounts for update');
    shoppers.begin();
    await eventually(async () => expect(await waitingForAccounts(payments)).toBeGreaterThan(0), { timeoutMs: 10_000 });
    const second = await services.add(await replica('payments', 'payments-second'));
    await eventually(async () => expect(await groupOf('payments')).toMatchObject({ state: 'PreparingRebalance' }), {
      timeoutMs: 10_000,
    });
    expect(await waitingForAccounts(payments)).toBeGreaterThan(0);
    services.part('payments').kill('SIGKILL');
    await Promise.all([holder.end(), payments.end()]);
    await services.part('payments').untilReady();
    await untilStable('payments', 2);
    await shoppers.rest();
    await expectAllRight(services, shoppers);
    expect(await second.stop()).toEqual({ code: 0, signal: null });
  },
  2 * MINUTE_MS,
);

test(
  'a consumer that is frozen with a batch in hand until others have its partitions goes on when it wakes',
  async () => {
    const third = await services.add(await replica('payments', 'payments-third'));
    const zombie = await arm(services, 'payments', { seam: 'consumer.settled', signal: 'SIGSTOP' });
    await untilStable('payments', 2);
    shoppers.begin();
    await zombie.atSeam();
    const frozenAt = Date.now();
    // The broker gives it up, and PostgreSQL ends its transaction, which holds accounts until then.
    await eventually(async () => expect(await groupOf('payments')).toMatchObject({ members: 1, state: 'Stable' }), {
      timeoutMs: 15_000,
    });
    await sleep(Math.max(0, frozenAt + 12_000 - Date.now()));
    zombie.running.kill('SIGCONT');
    await untilStable('payments', 2);
    expect(await third.stop()).toEqual({ code: 0, signal: null });
    await shoppers.rest();
    // It is the only one now: what is settled is settled by it.
    await expectAllRight(services, shoppers);
    expect(await zombie.running.stop()).toEqual({ code: 0, signal: null });
    await recover(services, 'payments');
  },
  2 * MINUTE_MS,
);

test(
  'a relay that is frozen while it sends loses its leadership to another, and the events of both are told once',
  async () => {
    const frozen = await arm(services, 'outbox-relay-orders', { seam: 'relay.batch-sent', signal: 'SIGSTOP' });
    const metricsPort = await freePort();
    const { ordersRelayMetrics } = services.ports;
    const standby = await services.add(
      relayPart(services.surroundings, 'orders', metricsPort, 'outbox-relay-orders-standby'),
    );
    expect(await readCounter(ordersRelayMetrics, 'outbox_relay_leader')).toBe(1);
    shoppers.begin();
    await frozen.atSeam();
    // Its session says nothing any more, and PostgreSQL ends it after 5 s.
    await eventually(async () => expect(await readCounter(metricsPort, 'outbox_relay_leader')).toBe(1), {
      timeoutMs: 15_000,
    });
    frozen.running.kill('SIGCONT');
    await shoppers.rest();
    await expectAllRight(services, shoppers);
    expect(await readCounter(ordersRelayMetrics, 'outbox_relay_leader')).toBe(0);
    expect(await readCounter(metricsPort, 'outbox_relay_leader')).toBe(1);
    expect(await frozen.running.stop()).toEqual({ code: 0, signal: null });
    await recover(services, 'outbox-relay-orders');
    expect(await standby.stop()).toEqual({ code: 0, signal: null });
  },
  2 * MINUTE_MS,
);

async function replica(service: Service, name: string, env: Readonly<Record<string, string>> = {}): Promise<Part> {
  const { surroundings } = services;
  return replicaPart({ ...surroundings, partEnv: { ...surroundings.partEnv, [name]: env } }, service, name);
}

async function groupOf(service: Service): Promise<GroupState> {
  const { consumerGroups, kafkaBrokers } = services.surroundings;
  return groupState(kafkaBrokers, consumerGroups[service]);
}

async function untilStable(service: Service, members: number): Promise<void> {
  await eventually(async () => expect(await groupOf(service)).toEqual({ state: 'Stable', members }), {
    timeoutMs: 30_000,
  });
}

/** Sessions that settle a batch and wait for its accounts. */
async function waitingForAccounts(payments: Awaited<ReturnType<typeof connect>>): Promise<number> {
  const { rows } = await payments.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock' and query ~ 'from accounts\\s+where user_id = any'`,
  );
  return rows[0]?.count ?? 0;
}
