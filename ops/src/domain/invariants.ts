/** The invariants that two databases can be asked about. What clients were told (I5, I7) needs their own records. */
export const invariants = {
  I1: { title: 'credits minus debits are the balance', unit: 'accounts' },
  I2: { title: 'at most one debit an order, of its amount and user', unit: 'debits' },
  I3: { title: 'orders and payments agree', unit: 'settled orders' },
  I4: { title: 'no order stays NEW', unit: 'orders' },
  I6: { title: 'every event reached its inbox', unit: 'events' },
} as const;

export type Invariant = keyof typeof invariants;
export const invariantNames = Object.keys(invariants) as Invariant[];

export interface Violation {
  readonly invariant: Invariant;
  /** The id of the order or account, or the name of the outbox. */
  readonly subject: string;
  readonly what: string;
}
