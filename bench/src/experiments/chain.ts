import { beginAnew, USERS } from '../data.ts';
import { fillOrders } from '../fill.ts';
import { runPgbench } from '../floors/pgbench.ts';
import type { Experiment } from '../measure.ts';
import { growthOf, untilDone } from '../progress.ts';
import { startParts, stopParts } from '../rig.ts';
import { expectAllRight } from '../verify.ts';

/** P1: orders wait in the outbox, the relay begins, and both services, both relays and Kafka work until all are FINISHED. */
export const chain: Experiment = {
  name: 'chain',
  goals: [
    {
      id: 'P1',
      what: 'orders waiting in the outbox -> all FINISHED, per second / F',
      floor: 'F',
      ours: 'finished',
      unit: '',
      must: 0.4,
      aim: 0.6,
    },
  ],
  async open(rig) {
    const { orders: count } = rig.effort;
    const floor = async () => ({ F: await runPgbench(rig, 'F', USERS) });
    const ours = async () => {
      await stopParts(rig, 'outbox-relay-orders');
      await beginAnew(rig, USERS);
      const ingest = await fillOrders(rig, count, USERS);
      const settled = await growthOf(rig.platform.ports.ordersMetrics, 'orders_settled_total');
      await startParts(rig, 'outbox-relay-orders');
      // From its readiness, which is when it begins to read: a tenth of a second after it at most.
      const startedMs = performance.now();
      const marks = await untilDone(settled, count);
      const finished = (count / ((marks.at(-1)?.ms ?? startedMs) - startedMs)) * 1_000;
      await expectAllRight(rig, count);
      return { finished, ingest };
    };
    return {
      steps: [
        { name: 'F', run: floor },
        { name: 'ours', run: ours },
      ],
      close: async () => undefined,
    };
  },
};
