import { beginAnew, USERS } from '../data.ts';
import { fillOrders } from '../fill.ts';
import { openShop } from '../load/shop.ts';
import type { Experiment, Readings } from '../measure.ts';
import { NODE_PARTS, peakResidentMb } from '../processes.ts';
import { growthOf, untilDone } from '../progress.ts';
import { pidOf, startParts, stopParts, type Rig } from '../rig.ts';
import { expectSold } from '../verify.ts';

const CLIENTS = 64;

/** P13: a backlog, and clients that add to it while it is worked off: the most that each process ever held. */
export const memory: Experiment = {
  name: 'memory',
  pairs: 1,
  goals: [
    {
      id: 'P13',
      what: 'resident memory of the largest Node process with a backlog of 10^6',
      floor: undefined,
      ours: 'largestMb',
      unit: 'MB',
      must: 200,
      aim: 150,
      atMost: true,
    },
  ],
  async open(rig) {
    return { steps: [{ name: 'ours', run: async () => await run(rig) }], close: async () => undefined };
  },
};

async function run(rig: Rig): Promise<Readings> {
  // Started anew, so that the most that the kernel saw a process hold is of this backlog.
  await stopParts(rig, ...NODE_PARTS);
  await startParts(rig, ...NODE_PARTS.filter((part) => part !== 'outbox-relay-orders'));
  await beginAnew(rig, USERS);
  await fillOrders(rig, rig.effort.backlog, USERS);
  const settled = await growthOf(rig.platform.ports.ordersMetrics, 'orders_settled_total');
  await startParts(rig, 'outbox-relay-orders');
  const shop = openShop(rig.url, USERS);
  const sales = await shop.closedLoop(CLIENTS, rig.effort.seconds);
  await shop.close();
  await untilDone(settled, rig.effort.backlog + sales.accepted.length);
  const peaks = Object.fromEntries(NODE_PARTS.map((part) => [part, peakResidentMb(pidOf(rig, part))]));
  await expectSold(rig, [sales], rig.effort.backlog);
  return { largestMb: Math.max(...Object.values(peaks)), ...peaks };
}
