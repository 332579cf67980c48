/** A source of numbers that a seed repeats; each label gets a sequence of its own, so that one more user of it shifts no other. */
export interface Random {
  /** From 0 to 1, without 1. */
  fraction(): number;
  /** A whole number from 0, below the bound. */
  below(bound: number): number;
  pick<T>(items: readonly T[]): T;
  shuffled<T>(items: readonly T[]): T[];
  uuid(): string;
}

export function seededRandom(seed: number, label: string): Random {
  let state = seed >>> 0;
  for (const character of label) {
    state = Math.imul(state ^ character.charCodeAt(0), 0x85ebca6b);
    state ^= state >>> 13;
  }
  // mulberry32: 32 bits of state, good enough to choose faults. https://github.com/bryc/code/blob/master/jshash/PRNGs.md
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(fraction() * bound);
  const pick = <T>(items: readonly T[]): T => {
    const [item] = items.slice(below(items.length));
    if (item === undefined) throw new Error('There is nothing to pick from.');
    return item;
  };
  const shuffled = <T>(items: readonly T[]): T[] => {
    const rest = [...items];
    return Array.from({ length: items.length }, () => rest.splice(below(rest.length), 1)).flat();
  };
  const uuid = (): string => {
    const hex = Array.from({ length: 32 }, () => below(16).toString(16));
    hex[12] = '4';
    hex[16] = '8';
    const text = hex.join('');
    return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-');
  };
  return { fraction, below, pick, shuffled, uuid };
}
