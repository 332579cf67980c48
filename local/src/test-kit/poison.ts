import { randomBytes, randomUUID } from 'node:crypto';
import { eventBytes } from './event-bytes.ts';
import type { RawEvent } from './event-bytes.ts';

/** What becomes of a record that is no good event. */
export type Fate = 'dead letter' | 'skipped';

export interface Poison {
  readonly kind: string;
  readonly fate: Fate;
  readonly value: Buffer | null;
}

/** What the kinds are made of: an event of the topic that would be applied if it came as it is. */
export interface Ingredients {
  readonly schemaId: number;
  /** New at every call, and good. */
  readonly goodEvent: () => RawEvent;
  /** A schema that is in the registry and is none of ours. */
  readonly foreignSchemaId: number;
}

type Kinds = Readonly<Record<string, (ingredients: Ingredients) => Buffer | null>>;

const changed =
  (change: (event: RawEvent) => Partial<RawEvent>) =>
  ({ schemaId, goodEvent }: Ingredients): Buffer => {
    const event = goodEvent();
    return eventBytes(schemaId, { ...event, ...change(event) });
  };

const ofAnyTopic: Kinds = {
  empty: () => Buffer.alloc(0),
  'nothing but a header': ({ schemaId }) => eventBytes(schemaId, changedToNothing).subarray(0, 5),
  'other bytes': () => Buffer.concat([Buffer.from([0x7b]), randomBytes(80)]),
  'wrong magic': (ingredients) => {
    const bytes = changed(() => ({}))(ingredients);
    bytes[0] = 1;
    return bytes;
  },
  truncated: (ingredients) => {
    const bytes = changed(() => ({}))(ingredients);
    return bytes.subarray(0, bytes.length - 7);
  },
  'a body of chance': ({ schemaId }) =>
    Buffer.concat([eventBytes(schemaId, changedToNothing).subarray(0, 5), Buffer.alloc(30, 0xff)]),
  'event id that is no UUID': changed(() => ({ event_id: 'not-a-uuid' })),
  'event id that is not derived': changed(() => ({ event_id: randomUUID() })),
  'order id that is no UUID': changed(({ data }) => ({ data: ['42', ...data.slice(1)] })),
  'user id that is no UUID': changed(({ data }) => ({ data: [data[0] ?? '', '', ...data.slice(2)] })),
  'time before all orders': changed(() => ({ occurred_at: -1n })),
  'time beyond 2^53': changed(() => ({ occurred_at: 2n ** 53n })),
};

const changedToNothing: RawEvent = { event_id: '', event_type: '', occurred_at: 0, data: [] };

const withAmount = (amount: bigint): Kinds[string] =>
  changed(({ data }) => ({ data: [...data.slice(0, 2), amount, ...data.slice(3)] }));

const ofOrders: Kinds = {
  'amount 0': withAmount(0n),
  'amount -1': withAmount(-1n),
  'amount 2^53': withAmount(2n ** 53n),
  'a description of 501 characters': changed(({ data }) => ({ data: [...data.slice(0, 3), 'x'.repeat(501)] })),
};

const ofPayments: Kinds = {
  // As it is, for its order does not exist.
  'an outcome without an order': changed(() => ({})),
};

const skipped: Kinds = {
  tombstone: () => null,
  'another event type': changed(() => ({ event_type: 'OrderShipped' })),
  'an event that is not ours': ({ foreignSchemaId, goodEvent }) => eventBytes(foreignSchemaId, goodEvent()),
};

/** So many records, of each kind about as many. */
export function poisonOf(topic: 'orders' | 'payments', count: number, ingredients: Ingredients): Poison[] {
  const deadly = { ...ofAnyTopic, ...(topic === 'orders' ? ofOrders : ofPayments) };
  const kinds = [
    ...Object.entries(deadly).map(([kind, make]) => ({ kind, make, fate: 'dead letter' as const })),
    ...Object.entries(skipped).map(([kind, make]) => ({ kind, make, fate: 'skipped' as const })),
  ];
  return Array.from({ length: count }, (_, i) => {
    const { kind, make, fate } = kinds[i % kinds.length] ?? { kind: '', make: () => null, fate: 'skipped' };
    return { kind, fate, value: make(ingredients) };
  });
}
