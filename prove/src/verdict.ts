import type { Proof } from './prove.ts';

/** A whole run that had less than this was not the one that the claims speak of. */
const ORDERS_MIN = 10_000;
const KILLS_MIN = 50;
/** Fewer of a kind may all miss their moment by chance. */
const KIND_MIN = 3;

/** What a run had too little of to prove anything, however green it is. */
export function tooLittle({ orders, kills, faults }: Pick<Proof, 'orders' | 'kills' | 'faults'>): string[] {
  const byKind = Map.groupBy(faults, ({ planned }) => planned.fault.kind);
  const missed = [...byKind].filter(
    ([, list]) => list.length >= KIND_MIN && list.every((fault) => fault.missed !== undefined),
  );
  return [
    ...(orders < ORDERS_MIN ? [`${orders} orders of at least ${ORDERS_MIN}`] : []),
    ...(kills < KILLS_MIN ? [`${kills} kills of at least ${KILLS_MIN}`] : []),
    ...missed.map(([kind, list]) => `${kind} came about in none of ${list.length} times`),
  ];
}

/** In a word, and whether it is the one that is wanted. Where faults or seconds were chosen, too little is only told. */
export function verdictOf(
  proof: Pick<Proof, 'orders' | 'kills' | 'faults' | 'violations'>,
  { isWhole }: { readonly isWhole: boolean },
): { readonly word: 'PROVED' | 'NOT PROVED' | 'VIOLATED'; readonly why: readonly string[] } {
  const why = tooLittle(proof);
  if (proof.violations.length > 0) return { word: 'VIOLATED', why };
  return { word: isWhole && why.length > 0 ? 'NOT PROVED' : 'PROVED', why };
}
