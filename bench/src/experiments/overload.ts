import { beginAnew, USERS } from '../data.ts';
import { openShop } from '../load/shop.ts';
import type { Experiment, Readings } from '../measure.ts';
import type { Rig } from '../rig.ts';
import { expectSold } from '../verify.ts';

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
  const shop = openShop(rig.url, USERS);
  const sales = await shop.openLoop(rate, rig.effort.seconds);
  await shop.close();
  await expectSold(rig, [sales]);
  const { accepted, unsent, seconds, latencies } = sales;
  const ms = (percentile: number): number => latencies.getValueAtPercentile(percentile) / 1_000;
  return {
    [`${rate}/s answered 201 per second`]: accepted.length / seconds,
    [`${rate}/s p50 ms`]: ms(50),
    [`${rate}/s p99 ms`]: ms(99),
    [`${rate}/s unsent`]: unsent,
  };
}
