import { beginAnew, USERS } from '../data.ts';
import { fillOrders } from '../fill.ts';
import type { Experiment, Goal, Step } from '../measure.ts';
import { growthOf, untilDone } from '../progress.ts';
import { installPeer, runQueuePeer } from '../peers/peer.ts';
import { openRelays } from '../peers/relays.ts';
import { startParts, type Rig } from '../rig.ts';
import { figure } from '../run.ts';
import { expectAllRight } from '../verify.ts';

/** What a team would pick instead of P8's engine, with the share of our number of orders that takes about as long. */
const queues = [
  { name: 'graphile-worker', must: 2, aim: 4, share: 0.12 },
  { name: 'pg-boss', must: 4, aim: 8, share: 0.1 },
  { name: 'dbos', must: 15, aim: 30, share: 0.04 },
] as const;

/** P8: the same job by ours and by each queue: from the first order that is asked for until all are FINISHED, without HTTP. */
export const jobQueues = jobQueuesExperiment('queues', queues);

function jobQueuesExperiment(name: string, peers: ReadonlyArray<(typeof queues)[number]>): Experiment {
  return {
    name,
    installs: true,
    goals: goalsBeside('P8', 'orders created and FINISHED, per second', peers),
    async open(rig) {
      return {
        steps: [
          { name: 'ours', run: async () => ({ ours: await runOurs(rig) }) },
          ...peers.map(({ name, share }) => queueStep(rig, name, share)),
        ],
        close: async () => undefined,
      };
    },
  };
}

function queueStep(rig: Rig, name: string, share: number): Step {
  const { effort } = rig;
  const home = installPeer(name, rig.say);
  const orders = Math.max(200, Math.round(effort.orders * share));
  const shop = { port: rig.ports.orders, name, users: USERS, warmUpSeconds: effort.warmUpSeconds };
  let best: number | undefined;
  return {
    name,
    run: async () => {
      best ??= effort.quick ? 1 : await bestWorkers(rig, home, { ...shop, orders: Math.round(orders / 2) });
      return { [name]: await runQueuePeer(home, { ...shop, orders, workers: best }), [`${name} workers`]: best };
    },
  };
}

const WORKERS = [1, 2, 4];

/** How many worker processes serve a peer best depends on the machine, so each number is tried on this one first. */
async function bestWorkers(
  rig: Rig,
  home: string,
  shop: Omit<Parameters<typeof runQueuePeer>[1], 'workers'>,
): Promise<number> {
  const rates: Array<{ workers: number; perSecond: number }> = [];
  for (const workers of WORKERS) rates.push({ workers, perSecond: await runQueuePeer(home, { ...shop, workers }) });
  rig.say(
    `${shop.name}: ${rates.map(({ workers, perSecond }) => `${workers} workers ${figure(perSecond)}`).join(', ')}`,
  );
  return rates.toSorted((a, b) => b.perSecond - a.perSecond)[0]?.workers ?? 1;
}

/** Of our number of orders: about as long as the peers' own warm-up. */
const WARM_UP = 0.2;

async function runOurs(rig: Rig): Promise<number> {
  const { orders: count } = rig.effort;
  const warmUp = Math.round(WARM_UP * count);
  await startParts(rig, 'orders', 'payments', 'outbox-relay-orders', 'outbox-relay-payments');
  await beginAnew(rig, USERS);
  const settled = await growthOf(rig.platform.ports.ordersMetrics, 'orders_settled_total');
  await fillOrders(rig, warmUp, USERS);
  await untilDone(settled, warmUp);
  const startedMs = performance.now();
  const filling = fillOrders(rig, count, USERS);
  const marks = await untilDone(settled, warmUp + count);
  await filling;
  await expectAllRight(rig, warmUp + count);
  return (count / ((marks.at(-1)?.ms ?? Number.NaN) - startedMs)) * 1_000;
}

/**
 * A peer's share of our number of events, that takes about as long. Of the plain relay, which reads, sends and deletes in one
 * transaction and has nothing to be slower for, ours must not be the slower one.
 */
const relays = [
  { name: 'delete-in-transaction', must: 1, aim: 1.5, share: 0.65 },
  { name: 'pg-transactional-outbox', must: 1.5, aim: 3, share: 0.017 },
  { name: 'debezium', must: 1.5, aim: 3, share: 0.6 },
] as const;

/** P9: a full outbox, drained into a topic by our relay and by each other. */
export const otherRelays = otherRelaysExperiment('relays', relays);

function otherRelaysExperiment(name: string, peers: ReadonlyArray<(typeof relays)[number]>): Experiment {
  return {
    name,
    installs: true,
    goals: goalsBeside('P9', 'outbox drained, events per second', peers),
    async open(rig) {
      const opened = await openRelays(rig, ['ours', ...peers.map(({ name }) => name)]);
      const step = (name: string, share: number) => ({
        name,
        run: async () => ({ [name]: await opened.drain(name, Math.round(rig.effort.relayedEvents * share)) }),
      });
      return { steps: [step('ours', 1), ...peers.map(({ name, share }) => step(name, share))], close: opened.close };
    },
  };
}

/** Ours is to be so many times each peer. */
function goalsBeside(
  id: string,
  what: string,
  peers: ReadonlyArray<{ name: string; must: number; aim: number }>,
): Goal[] {
  return peers.map(({ name, must, aim }) => ({
    id,
    what: `${what} / ${name}`,
    floor: name,
    ours: 'ours',
    unit: '',
    must,
    aim,
  }));
}

/** Ours beside one of the peers, by the peer's name. */
export const onePeer: readonly Experiment[] = [
  ...queues.map((peer) => jobQueuesExperiment(peer.name, [peer])),
  ...relays.map((peer) => otherRelaysExperiment(peer.name, [peer])),
];
