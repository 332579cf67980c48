import { PARTITIONS } from '@order-payments/local/infrastructure/topics.ts';
import { paymentsPart, TOPICS } from '@order-payments/local/parts.ts';
import { freePort } from '@order-payments/local/ports.ts';
import { groupState } from '@order-payments/local/test-kit/consumer-groups.ts';
import { readCounter } from '@order-payments/local/test-kit/counter.ts';
import { eventually } from '@order-payments/local/test-kit/eventually.ts';
import { createPartitioner } from '@order-payments/platform/kafka/partitioner.ts';
import { beginAnew, userId, USERS } from '../data.ts';
import { fillOrders } from '../fill.ts';
import { CorrectnessError, ordersToSettle, type Experiment, type Readings } from '../measure.ts';
import { growthOf, HANG_MS, rateOf, untilDone } from '../progress.ts';
import { startParts, stopParts, type Rig } from '../rig.ts';
import { expectAllRight } from '../verify.ts';

const SECOND = 'payments-2';
const SHAPES = [
  { processes: 1, partitions: 1 },
  { processes: 1, partitions: 3 },
  { processes: 1, partitions: 12 },
  { processes: 2, partitions: 12 },
] as const;

type Shape = (typeof SHAPES)[number];

/** No goal: how the settle step grows with Payments' processes, and with the partitions that the orders are in. */
export const replicas: Experiment = {
  name: 'replicas',
  pairs: 1,
  goals: [],
  listed: true,
  async open(rig) {
    const { surroundings } = rig.platform;
    const ports = { ...surroundings.ports, paymentsGrpc: await freePort(), paymentsMetrics: await freePort() };
    await rig.platform.add(paymentsPart({ ...surroundings, ports }, SECOND));
    return {
      steps: SHAPES.map((shape) => ({
        name: 'ours',
        run: async () => await run(rig, ports.paymentsMetrics, shape),
      })),
      close: async () => await stopParts(rig, SECOND),
    };
  },
};

/** They have shared the partitions before the relay publishes the backlog, which takes it a fraction of the time. */
async function run(rig: Rig, secondMetrics: number, { processes, partitions }: Shape): Promise<Readings> {
  const count = ordersToSettle(rig.effort);
  const { ports, surroundings } = rig.platform;
  await stopParts(rig, 'payments', SECOND, 'outbox-relay-payments', 'outbox-relay-orders');
  await beginAnew(rig, USERS);
  await fillOrders(rig, count, usersOf(partitions));
  await startParts(rig, 'payments', ...(processes === 2 ? [SECOND] : []));
  await eventually(
    async () => {
      const { state, members } = await groupState(rig.brokers, surroundings.consumerGroups.payments);
      if (state !== 'Stable' || members !== processes) throw new CorrectnessError(`${members} members: ${state}`);
    },
    { timeoutMs: HANG_MS },
  );
  const metrics = [ports.paymentsMetrics, secondMetrics].slice(0, processes);
  const applied = await growthOf(ports.ordersMetrics, 'orders_settled_total');
  await startParts(rig, 'outbox-relay-orders');
  const marks = await untilDone(async () => {
    const counts = await Promise.all(metrics.map((port) => readCounter(port, 'payments_settled_total')));
    return counts.reduce((sum, each) => sum + each, 0);
  }, count);
  await startParts(rig, 'outbox-relay-payments');
  await untilDone(applied, count);
  await expectAllRight(rig, count);
  await stopParts(rig, SECOND);
  const what = `settled per second: ${processes} Payments, orders in ${partitions} of ${PARTITIONS} partitions`;
  return { [what]: rateOf(marks, count) };
}

/** Those whose events are in the first so many partitions. */
function usersOf(partitions: number): string[] {
  const choose = createPartitioner();
  const partitionMetadata = Array.from({ length: PARTITIONS }, (_, partitionId) => ({
    partitionErrorCode: 0,
    partitionId,
    leader: 0,
    replicas: [],
    isr: [],
  }));
  return Array.from({ length: USERS }, (_, index) => userId(index + 1)).filter(
    (key) => choose({ topic: TOPICS.orders, partitionMetadata, message: { key, value: null } }) < partitions,
  );
}
