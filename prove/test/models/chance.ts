import type { Random } from '../../src/random.ts';

export interface Chance extends Random {
  happens(probability: number): boolean;
  /** One of them; undefined where there are none. */
  pickAny<T>(items: readonly T[]): T | undefined;
  /** One of the names, each as often as its weight says. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name;
}

export function chanceOf(random: Random): Chance {
  return {
    ...random,
    happens: (probability) => random.fraction() < probability,
    pickAny: (items) => (items.length === 0 ? undefined : random.pick(items)),
    weighted: <Name extends string>(weights: Readonly<Record<Name, number>>) => {
      const entries = Object.entries(weights) as Array<[Name, number]>;
      let left = random.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      const [name] = entries.find(([, weight]) => (left -= weight) < 0) ?? random.pick(entries);
      return name;
    },
  };
}
