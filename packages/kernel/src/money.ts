import { invalidField } from './errors.ts';

/** Largest amount and balance in minor units: 2^53 - 1, so that every number is exact in every JSON client. */
export const moneyMax = 2n ** 53n - 1n;

/** Minor units, 1 to moneyMax. */
export function parseAmount(value: bigint, field = 'amount'): bigint {
  if (value < 1n || value > moneyMax) throw invalidField(field, `must be an integer from 1 to ${moneyMax}`);
  return value;
}

/** For JSON and Avro, whose numbers are doubles. Exact, because no amount or balance exceeds moneyMax. */
export function toSafeNumber(money: bigint): number {
  if (money < 0n || money > moneyMax) throw new RangeError('money is out of range');
  return Number(money);
}
