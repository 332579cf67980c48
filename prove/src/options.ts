import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { allLabels } from './schedule.ts';

export interface Options {
  readonly help: boolean;
  readonly seed: number;
  readonly seconds: number;
  /** Neither its length nor its faults were chosen: then it has to have enough of each to prove anything. */
  readonly isWhole: boolean;
  readonly only: readonly string[];
  readonly ordersPerSecond: number;
}

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const SHORT_SECONDS = 300;
export const LONG_SECONDS = 3_600;
const SECONDS_MIN = 20;
const SEED_MAX = 2 ** 31;
/** In five minutes 225 s are load: with this many a second it is 12,600 orders. */
const ORDERS_PER_SECOND = 56;

/** `choices`: what `--only` may name. */
export function parseOptions(args: readonly string[], choices: readonly string[] = allLabels()): Options {
  const values = parse(args);
  const seconds =
    number('seconds', values.seconds, SECONDS_MIN, 86_400) ?? (values.long ? LONG_SECONDS : SHORT_SECONDS);
  const only = values.only === undefined ? [] : values.only.split(',').filter((label) => label !== '');
  for (const wanted of only)
    if (!choices.some((label) => label === wanted || label.startsWith(`${wanted}:`)))
      throw new UsageError(`There is no "${wanted}" to choose.`);
  return {
    help: values.help,
    seed: number('seed', values.seed, 0, SEED_MAX) ?? randomInt(SEED_MAX),
    seconds,
    isWhole: values.seconds === undefined && values.only === undefined,
    only,
    ordersPerSecond: number('orders-per-second', values['orders-per-second'], 1, 1_000) ?? ORDERS_PER_SECOND,
  };
}

export function usage(): string {
  return [
    'npm run prove [-- options]',
    `  --seed N               repeats a schedule: the same faults, order, planned instants and load`,
    `  --long                 one hour instead of five minutes`,
    `  --seconds N            so long in all, start and judgement included (at least ${SECONDS_MIN})`,
    '  --only FAULT,FAULT     these alone, or those whose names begin so',
    `  --orders-per-second N  ${ORDERS_PER_SECOND} unless said otherwise`,
    '  --planted-bugs         shows that the proof goes red: each planted bug in a copy of the code;',
    '                         --only ID,ID: these bugs alone',
    '  --models               the real handlers of both services in seeded interleavings, for three minutes;',
    '                         --seconds N: so long, --seed N: of the first one',
    '  --input                bad input at scale: generated, mutated, poisoned, ten times too much; a minute or two;',
    '                         --long: some twenty minutes, --only ATTACK,ATTACK: these alone',
    '',
    `Faults: ${allLabels().join(' ')}`,
  ].join('\n');
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', default: false },
        seed: { type: 'string' },
        long: { type: 'boolean', default: false },
        seconds: { type: 'string' },
        only: { type: 'string' },
        'orders-per-second': { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function number(option: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw new UsageError(`--${option} must be a whole number from ${min} to ${max}, not "${text}".`);
  return value;
}
