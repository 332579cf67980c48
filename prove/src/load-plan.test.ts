import { expect, test } from '@jest/globals';
import { AMOUNT_MAX, crowdOf, deedOf, RICHES } from './load-plan.ts';
import type { Deed } from './load-plan.ts';

const deeds = (seed: number, count: number): Deed[] => {
  const crowd = crowdOf(seed);
  return Array.from({ length: count }, (_, n) => deedOf(seed, crowd, n));
};

test('the same seed plans the same users and the same deeds, another one others', () => {
  expect(crowdOf(1)).toEqual(crowdOf(1));
  expect(deeds(1, 500)).toEqual(deeds(1, 500));
  expect(deeds(1, 500)).not.toEqual(deeds(2, 500));
});

test('the load has what can go wrong: hot and poor accounts, strangers, top-ups, repeats, other bodies, waits', () => {
  const crowd = crowdOf(3);
  const plan = deeds(3, 10_000);
  const orders = plan.filter((deed) => deed.kind === 'order');
  const share = (count: number): number => Math.round((100 * count) / orders.length);
  const of = (users: readonly string[]): number => share(orders.filter(({ userId }) => users.includes(userId)).length);
  expect(orders.length).toBeGreaterThan(7_500);
  expect(of(crowd.hot)).toBeGreaterThanOrEqual(18);
  expect(of(crowd.poor)).toBeGreaterThanOrEqual(13);
  expect(of(crowd.strangers)).toBeGreaterThanOrEqual(4);
  expect(share(orders.filter(({ waits }) => waits !== undefined).length)).toBeGreaterThanOrEqual(4);
  for (const kind of ['top-up', 'repeat', 'another-body', 'spree'] as const)
    expect(plan.filter((deed) => deed.kind === kind).length).toBeGreaterThan(150);
  // A run of a day at a thousand orders a second is the most that the command line takes.
  expect(86_400 * 1_000 * AMOUNT_MAX).toBeLessThan(RICHES);
  // Nobody can top up a stranger's account.
  expect(plan.filter((deed) => deed.kind === 'top-up' && crowd.strangers.includes(deed.userId))).toEqual([]);
});
