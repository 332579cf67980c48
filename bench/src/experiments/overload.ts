import { beginAnew, USERS } from '../data.ts';
import { openShop } from '../load/shop.ts';
import { CorrectnessError, type Experiment, type Readings } from '../measure.ts';
import { growthOf, untilDone } from '../progress.ts';
import type { Rig } from '../rig.ts';
import { expectAllRight } from '../verify.ts';

const RATES = [250, 500, 1_000, 2_000, 3_000, 4_000, 6_000, 8_000];
const QUICK_RATES = [200, 1_000];

/** No goal: what clients get as they ask for more and more, whether or not they were answered. For the plot. */
export const overload: Experiment = {
  name: 'overload',
  pairs: 1,
  goals: [],
  async open(rig) {
    return {
      steps: (rig.effort.quick ? QUICK_RATES : RATES).map((rate) => ({
        name: `${rate}/s`,
        run: async () => await run(rig, rate),
      })),
      close: async () => undefined,
    };
  },
};

async function run(rig: Rig, rate: number): Promise<Readings> {
  await beginAnew(rig, USERS);
  const settled = await growthOf(rig.platform.ports.ordersMetrics, 'orders_settled_total');
  const shop = openShop(rig.url, USERS);
  const { accepted, refused, unsent, seconds, latencies } = await shop.openLoop(rate, rig.effort.seconds);
  await shop.close();
  // Told to come again later is a truthful answer; anything else is not what overload may bring.
  const wrong = Object.keys(refused).filter((status) => status !== '503' && status !== '504');
  if (wrong.length > 0) throw new CorrectnessError(`answers at ${rate}/s: ${JSON.stringify(refused)}`);
  if (refused['504'] === undefined) {
    await untilDone(settled, accepted);
    await expectAllRight(rig, accepted);
  }
  const ms = (percentile: number): number => latencies.getValueAtPercentile(percentile) / 1_000;
  return {
    [`${rate}/s answered 201 per second`]: accepted / seconds,
    [`${rate}/s p50 ms`]: ms(50),
    [`${rate}/s p99 ms`]: ms(99),
    [`${rate}/s unsent`]: unsent,
  };
}
