import { beginAnew, USERS } from '../data.ts';
import { addStubs, STUBS } from '../floors/http-floor.ts';
import { runPgbench } from '../floors/pgbench.ts';
import { openShop, type Sales } from '../load/shop.ts';
import { CorrectnessError, type Experiment, type Readings } from '../measure.ts';
import { growthOf, untilDone } from '../progress.ts';
import { startParts, stopParts, type Rig } from '../rig.ts';
import { expectAllRight } from '../verify.ts';

const CLIENTS = 192;

/** P2 and P3: clients place orders through REST, one after another; FINISHED from the first POST to the last settlement. */
export const http: Experiment = {
  name: 'http',
  goals: [
    {
      id: 'P2',
      what: `POST closed loop, ${CLIENTS} clients, FINISHED per second / G`,
      floor: 'G',
      ours: 'finished',
      unit: '',
      must: 0.5,
      aim: 0.7,
    },
    { id: 'P3', what: 'the same / F', floor: 'F', ours: 'finished', unit: '', must: 0.08, aim: 0.13 },
  ],
  async open(rig) {
    const stubs = await addStubs(rig);
    await stopParts(rig, ...STUBS);
    return {
      steps: [
        { name: 'F', run: async () => ({ F: await runPgbench(rig, 'F', USERS) }) },
        { name: 'G', run: async () => await runStubs(rig, stubs) },
        { name: 'ours', run: async () => await run(rig) },
      ],
      close: async () => undefined,
    };
  },
};

async function runStubs(rig: Rig, url: string): Promise<Readings> {
  await startParts(rig, ...STUBS);
  const sales = await sell(url, rig.effort.seconds);
  await stopParts(rig, ...STUBS);
  return { G: sales.accepted / sales.seconds };
}

async function run(rig: Rig): Promise<Readings> {
  await beginAnew(rig, USERS);
  const settled = await growthOf(rig.platform.ports.ordersMetrics, 'orders_settled_total');
  const startedMs = performance.now();
  const sales = await sell(rig.url, rig.effort.seconds);
  const marks = await untilDone(settled, sales.accepted);
  const seconds = ((marks.at(-1)?.ms ?? startedMs) - startedMs) / 1_000;
  await expectAllRight(rig, sales.accepted);
  return {
    finished: sales.accepted / seconds,
    posted: sales.accepted / sales.seconds,
    refused: sales.refused['503'] ?? 0,
    postP50Ms: sales.latencies.getValueAtPercentile(50) / 1_000,
    postP99Ms: sales.latencies.getValueAtPercentile(99) / 1_000,
  };
}

async function sell(url: string, seconds: number): Promise<Sales> {
  const shop = openShop(url, USERS);
  try {
    const sales = await shop.closedLoop(CLIENTS, seconds);
    // 503 is what a gateway on a crowded machine may say; it is no order, and so it lowers what is measured.
    if (Object.keys(sales.refused).some((status) => status !== '503'))
      throw new CorrectnessError(`answers other than 201: ${JSON.stringify(sales.refused)}`);
    return sales;
  } finally {
    await shop.close();
  }
}
