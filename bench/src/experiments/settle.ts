import { setTimeout as sleep } from 'node:timers/promises';
import { readCounter } from '@order-payments/local/test-kit/counter.ts';
import { beginAnew, USERS } from '../data.ts';
import { fillOrders } from '../fill.ts';
import { runPgbench } from '../floors/pgbench.ts';
import { CorrectnessError, ordersToSettle, type Experiment, type Goal, type Readings } from '../measure.ts';
import { growthOf, rateOf, untilDone } from '../progress.ts';
import { startParts, stopParts, type Rig } from '../rig.ts';
import { expectAllRight } from '../verify.ts';

/** P4: the running Payments process settles a topic full of orders; nobody publishes or applies its outcomes meanwhile. */
export const settle = settleExperiment({
  name: 'settle',
  users: USERS,
  goal: { id: 'P4', what: 'settle step, events per second / R', must: 3, aim: 4.5 },
});

/** P5: the same, with all orders of one user: one partition, one account. */
export const settleHot = settleExperiment({
  name: 'settle-hot',
  users: 1,
  goal: { id: 'P5', what: 'one hot account, settled per second / R on one hot account', must: 10, aim: 20 },
});

function settleExperiment(of: {
  name: string;
  users: number;
  goal: Pick<Goal, 'id' | 'what' | 'must' | 'aim'>;
}): Experiment {
  const { name, users } = of;
  return {
    name,
    goals: [{ ...of.goal, floor: 'R', ours: 'settled', unit: '' }],
    async open(rig) {
      return {
        steps: [
          { name: 'R', run: async () => ({ R: await runPgbench(rig, 'R', users) }) },
          { name: 'ours', run: async () => await run(rig, users) },
        ],
        close: async () => undefined,
      };
    },
  };
}

async function run(rig: Rig, users: number): Promise<Readings> {
  const count = ordersToSettle(rig.effort);
  const { ports } = rig.platform;
  await stopParts(rig, 'payments', 'outbox-relay-payments');
  await beginAnew(rig, users);
  await fillOrders(rig, count, users);
  await untilPublished(rig);
  await stopParts(rig, 'orders', 'outbox-relay-orders');
  await startParts(rig, 'payments');
  const marks = await untilDone(async () => await readCounter(ports.paymentsMetrics, 'payments_settled_total'), count);
  await startParts(rig, 'outbox-relay-payments', 'orders', 'outbox-relay-orders');
  await untilDone(async () => await readCounter(ports.ordersMetrics, 'orders_settled_total'), count);
  const duplicates = await readCounter(ports.paymentsMetrics, 'consumer_records_total', { result: 'duplicate' });
  if (duplicates === 0) throw new CorrectnessError('no event was delivered twice, so nothing was shown');
  await expectAllRight(rig, count);
  return { settled: rateOf(marks, count), duplicates };
}

async function untilPublished(rig: Rig): Promise<void> {
  const published = await growthOf(rig.platform.ports.ordersRelayMetrics, 'outbox_published_total');
  for (let before = -1; ; await sleep(200)) {
    const { rows } = await rig.orders.query('select from outbox limit 1');
    const now = await published();
    if (rows.length === 0 && now === before) return;
    before = now;
  }
}
