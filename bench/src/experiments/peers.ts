import { beginAnew, USERS } from '../data.ts';
import { fillOrders } from '../fill.ts';
import type { Experiment, Goal } from '../measure.ts';
import { growthOf, untilDone } from '../progress.ts';
import { installPeer, runQueuePeer } from '../peers/peer.ts';
import { openRelays } from '../peers/relays.ts';
import { startParts, type Rig } from '../rig.ts';
import { expectAllRight } from '../verify.ts';

/**
 * What a team would pick instead of P8's engine, with the share of our number of orders that takes about as long, and its
 * worker processes.
 */
const queues = [
  { name: 'graphile-worker', must: 2, aim: 4, share: 0.25, workers: 1 },
  { name: 'pg-boss', must: 4, aim: 8, share: 0.15, workers: 1 },
  { name: 'dbos', must: 15, aim: 30, share: 0.04, workers: 1 },
] as const;

/** P8: the same job by ours and by each queue: from the first order that is asked for until all are FINISHED, without HTTP. */
export const jobQueues: Experiment = {
  name: 'queues',
  installs: true,
  goals: queues.map(({ name, must, aim }): Goal => ({
    id: 'P8',
    what: `orders created and FINISHED, per second / ${name}`,
    floor: name,
    ours: 'ours',
    unit: '',
    must,
    aim,
  })),
  async open(rig) {
    const homes = queues.map(({ name }) => installPeer(name, rig.say));
    const peers = queues.map(({ name, share, workers }, index) => ({
      name,
      run: async () => {
        const orders = Math.max(200, Math.round(rig.effort.orders * share));
        const options = { port: rig.ports.orders, name, orders, users: USERS, workers };
        return { [name]: await runQueuePeer(homes[index] ?? '', options) };
      },
    }));
    return {
      steps: [{ name: 'ours', run: async () => ({ ours: await runOurs(rig) }) }, ...peers],
      close: async () => undefined,
    };
  },
};

async function runOurs(rig: Rig): Promise<number> {
  const { orders: count } = rig.effort;
  await startParts(rig, 'orders', 'payments', 'outbox-relay-orders', 'outbox-relay-payments');
  await beginAnew(rig, USERS);
  const settled = await growthOf(rig.platform.ports.ordersMetrics, 'orders_settled_total');
  const startedMs = performance.now();
  const filling = fillOrders(rig, count, USERS);
  const marks = await untilDone(settled, count);
  await filling;
  await expectAllRight(rig, count);
  return (count / ((marks.at(-1)?.ms ?? Number.NaN) - startedMs)) * 1_000;
}

/**
 * A peer's share of our number of events, that takes about as long. Of the plain relay, which reads, sends and deletes in one
 * transaction and has nothing to be slower for, ours must not be the slower one.
 */
const relays = [
  { name: 'delete-in-transaction', must: 1, aim: 1.5, share: 0.5 },
  { name: 'pg-transactional-outbox', must: 1.5, aim: 3, share: 0.01 },
  { name: 'debezium', must: 1.5, aim: 3, share: 1 },
] as const;

/** P9: a full outbox, drained into a topic by our relay and by each other. */
export const otherRelays: Experiment = {
  name: 'relays',
  installs: true,
  goals: relays.map(({ name, must, aim }): Goal => ({
    id: 'P9',
    what: `outbox drained, events per second / ${name}`,
    floor: name,
    ours: 'ours',
    unit: '',
    must,
    aim,
  })),
  async open(rig) {
    const opened = await openRelays(rig);
    const step = (name: string, share: number) => ({
      name,
      run: async () => ({ [name]: await opened.drain(name, Math.round(rig.effort.relayedEvents * share)) }),
    });
    return { steps: [step('ours', 1), ...relays.map(({ name, share }) => step(name, share))], close: opened.close };
  },
};
