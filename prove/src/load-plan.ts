import { seededRandom } from './random.ts';

/** One thing that a client does. */
export type Deed =
  | {
      readonly kind: 'order';
      readonly userId: string;
      readonly amount: number;
      readonly description: string;
      readonly waits?: number;
    }
  | { readonly kind: 'top-up'; readonly userId: string; readonly amount: number }
  /** A new user spends all there is at once: what does not fit is refused, and what comes after it and fits is not. */
  | { readonly kind: 'spree'; readonly userId: string; readonly amounts: readonly number[] }
  /** A key of long ago once more: the same answer. Which one: a fraction of those there are by then. */
  | { readonly kind: 'repeat'; readonly which: number }
  /** Its key with another body: a refusal. */
  | { readonly kind: 'another-body'; readonly which: number };

export interface Crowd {
  /** Few, with a fifth of all orders. */
  readonly hot: readonly string[];
  /** With so little money that some of their orders are refused. */
  readonly poor: readonly string[];
  readonly rich: readonly string[];
  /** Without an account. */
  readonly strangers: readonly string[];
}

const SIZES = { hot: 4, poor: 30, rich: 150, strangers: 10 } as const;
/** More than all orders of the longest and fastest run that can be asked for, were they one account's. */
export const RICHES = 1_000_000_000_000;
export const POVERTY = 3_000;
export const AMOUNT_MAX = 500;
const WAIT_SECONDS = 2;

export function crowdOf(seed: number): Crowd {
  const random = seededRandom(seed, 'crowd');
  const users = (count: number): string[] => Array.from({ length: count }, () => random.uuid());
  return { hot: users(SIZES.hot), poor: users(SIZES.poor), rich: users(SIZES.rich), strangers: users(SIZES.strangers) };
}

/** Of 100: the second does not fit, the third does. */
const SPREE = [60, 60, 40];
export const SPREE_MONEY = 100;

/** Whose turn it is among 100, by who has how many of the orders. */
const ORDERS_OF_100 = [
  ['hot', 20],
  ['poor', 15],
  ['strangers', 5],
  ['rich', 60],
] as const;

/** The n-th deed, counted from 0: always the same for a seed. Of 100, about 80 are orders. */
export function deedOf(seed: number, crowd: Crowd, n: number): Deed {
  const random = seededRandom(seed, `deed ${n}`);
  const kind = random.below(100);
  if (kind < 8) return { kind: 'repeat', which: random.fraction() };
  if (kind < 10) return { kind: 'another-body', which: random.fraction() };
  if (kind < 20) {
    const userId = random.pick([...crowd.hot, ...crowd.poor, ...crowd.poor, ...crowd.rich]);
    return { kind: 'top-up', userId, amount: 1 + random.below(AMOUNT_MAX) };
  }
  if (kind < 23) return { kind: 'spree', userId: random.uuid(), amounts: SPREE };
  let turn = random.below(100);
  const [group] = ORDERS_OF_100.find(([, share]) => (turn -= share) < 0) ?? ['rich'];
  return {
    kind: 'order',
    userId: random.pick(crowd[group]),
    amount: 1 + random.below(AMOUNT_MAX),
    description: `order ${n}`,
    ...(random.below(20) === 0 ? { waits: WAIT_SECONDS } : {}),
  };
}
