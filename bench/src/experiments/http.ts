import { beginAnew, USERS } from '../data.ts';
import { addStubs, STUBS } from '../floors/http-floor.ts';
import { runPgbench } from '../floors/pgbench.ts';
import { openShop } from '../load/shop.ts';
import type { Experiment, Readings } from '../measure.ts';
import { growthOf, untilDone } from '../progress.ts';
import { stopParts, type Rig } from '../rig.ts';
import { expectSold } from '../verify.ts';

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
    return {
      steps: [
        { name: 'F', run: async () => ({ F: await runPgbench(rig, 'F', USERS) }) },
        { name: 'G', run: async () => await runStubs(rig, stubs) },
        { name: 'ours', run: async () => await run(rig) },
      ],
      close: async () => await stopParts(rig, ...STUBS),
    };
  },
};

// Floor and ours alike: a run that is not timed before the one that is.
async function runStubs({ effort }: Rig, url: string): Promise<Readings> {
  const shop = openShop(url, USERS);
  await shop.closedLoop(CLIENTS, effort.warmUpSeconds);
  const { accepted, refused, seconds } = await shop.closedLoop(CLIENTS, effort.seconds);
  await shop.close();
  if (Object.keys(refused).length > 0) throw new Error(`floor G answered ${JSON.stringify(refused)}`);
  return { G: accepted.length / seconds };
}

async function run(rig: Rig): Promise<Readings> {
  const { effort, platform } = rig;
  await beginAnew(rig, USERS);
  const settled = await growthOf(platform.ports.ordersMetrics, 'orders_settled_total');
  const shop = openShop(rig.url, USERS);
  const warmUp = await shop.closedLoop(CLIENTS, effort.warmUpSeconds);
  await untilDone(settled, warmUp.accepted.length);
  const startedMs = performance.now();
  const sales = await shop.closedLoop(CLIENTS, effort.seconds);
  await shop.close();
  const sold = sales.accepted.length;
  const marks = await untilDone(settled, warmUp.accepted.length + sold);
  const seconds = ((marks.at(-1)?.ms ?? startedMs) - startedMs) / 1_000;
  await expectSold(rig, [warmUp, sales]);
  return {
    finished: sold / seconds,
    posted: sold / sales.seconds,
    unanswered: sales.doubtful.length,
    postP50Ms: sales.latencies.getValueAtPercentile(50) / 1_000,
    postP99Ms: sales.latencies.getValueAtPercentile(99) / 1_000,
  };
}
