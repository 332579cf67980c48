import { setTimeout as sleep } from 'node:timers/promises';
import { beginAnew, USERS } from '../data.ts';
import { fillOrders } from '../fill.ts';
import { openShop } from '../load/shop.ts';
import type { Experiment, Readings } from '../measure.ts';
import { NODE_PARTS, residentMb } from '../processes.ts';
import { growthOf, untilDone } from '../progress.ts';
import { startParts, stopParts, type Rig } from '../rig.ts';
import { expectAllRight } from '../verify.ts';

const CLIENTS = 64;
const LOOK_MS = 500;

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
  await stopParts(rig, ...NODE_PARTS);
  await startParts(rig, ...NODE_PARTS.filter((part) => part !== 'outbox-relay-orders'));
  await beginAnew(rig, USERS);
  await fillOrders(rig, rig.effort.backlog, USERS);
  const settled = await growthOf(rig.platform.ports.ordersMetrics, 'orders_settled_total');
  const watch = watchMemory(rig);
  await startParts(rig, 'outbox-relay-orders');
  const shop = openShop(rig.url, USERS);
  const sales = await shop.closedLoop(CLIENTS, rig.effort.seconds);
  await shop.close();
  await untilDone(settled, rig.effort.backlog + sales.accepted);
  const peaks = watch.end();
  await expectAllRight(rig, rig.effort.backlog + sales.accepted);
  return { largestMb: Math.max(...Object.values(peaks)), ...peaks };
}

/** The largest resident set of each process, in MB of 10^6 bytes. */
function watchMemory(rig: Rig): { end(): Record<string, number> } {
  const peaks = new Map<string, number>(NODE_PARTS.map((part) => [part, 0]));
  const stopping = new AbortController();
  const look = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      for (const part of NODE_PARTS) {
        const pid = rig.platform.part(part).pid();
        if (pid !== undefined) peaks.set(part, Math.max(peaks.get(part) ?? 0, residentMb(pid)));
      }
      await sleep(LOOK_MS);
    }
  };
  void look();
  return {
    end: () => {
      stopping.abort();
      return Object.fromEntries(peaks);
    },
  };
}
