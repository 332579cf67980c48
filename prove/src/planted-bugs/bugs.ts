import type { Violation } from '@order-payments/local/test-kit/outside-checker.ts';

/** A text of a file and what stands there instead; the text must be there exactly once. */
export interface Edit {
  readonly file: string;
  readonly search: string;
  readonly replacement: string;
}

/** A mistake that someone could make, in the code that it would be made in, and what brings it to light. */
export interface PlantedBug {
  readonly id: string;
  readonly what: string;
  readonly edits: readonly [Edit, ...Edit[]];
  /** Labels of faults, inflicted one after another. Without any, the load alone has to do. */
  readonly faults: readonly string[];
  /** What it breaks: the proof has to see at least one of these, or it is red for another reason. */
  readonly breaks: readonly Violation['invariant'][];
}

const INBOX = 'packages/platform/src/inbox/inbox.ts';
const CONSUMER = 'packages/platform/src/kafka/consumer.ts';
const RELAY = 'services/outbox-relay/src/relay.ts';
const SWEEP = 'services/orders/src/commands/sweep.ts';
const ORDERS_STORE = 'services/orders/src/store/orders.ts';

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    id: 'no-inbox-insert',
    what: 'the inbox insert is dropped',
    edits: [
      {
        file: INBOX,
        search: 'const inserted = await insertFresh(transaction, [...first.values()]);',
        replacement: 'const inserted = new Set(first.keys());',
      },
    ],
    faults: ['duplicates:topics'],
    breaks: ['I6'],
  },
  {
    id: 'check-then-insert',
    what: 'the inbox looks first and inserts then',
    edits: [
      {
        file: INBOX,
        search: 'const inserted = await insertFresh(transaction, [...first.values()]);',
        replacement: `const before = await readHashes(transaction, [...first.keys()]);
  const inserted = new Set([...first.keys()].filter((id) => !before.has(id)));
  await insertFresh(transaction, [...first.values()].filter(({ event_id }) => inserted.has(event_id)));`,
      },
    ],
    // The same event has to be in two transactions at once, which one time in some it is not.
    faults: ['pile-up:payments', 'pile-up:payments', 'pile-up:payments'],
    breaks: ['I6'],
  },
  {
    id: 'window-sum',
    what: 'orders are decided by a plain window sum, which charges refused ones, too',
    edits: [
      {
        file: 'services/payments/src/domain/settle.ts',
        search: 'if (page.balance < order.amount)',
        replacement: `const window = page as { asked?: bigint };
  window.asked = (window.asked ?? 0n) + order.amount;
  if (page.account.balance < window.asked)`,
      },
    ],
    faults: ['lock:payments'],
    breaks: ['I3'],
  },
  {
    id: 'cursor-relay',
    what: 'the relay reads on from the last id that it saw',
    edits: [
      {
        file: RELAY,
        search: 'const mark = lowWater > lowWaterMargin ? lowWater - lowWaterMargin : 0n;',
        replacement: 'const mark = lowWater;',
      },
      { file: RELAY, search: 'looking = lookBelow(mark, withoutIds);', replacement: 'looking = undefined;' },
    ],
    faults: ['late-commit:orders'],
    breaks: ['I6'],
  },
  {
    id: 'offset-before-commit',
    what: 'the offset is committed before the transaction',
    edits: [
      {
        file: CONSUMER,
        search: 'const records = slice.map((message) => toRecord(batch, message));',
        replacement: `const records = slice.map((message) => toRecord(batch, message));
    resolveOffset(slice.at(-1)?.offset ?? '0');
    await payload.commitOffsetsIfNecessary(payload.uncommittedOffsets());`,
      },
    ],
    faults: ['seam:orders:consumer.applied'],
    breaks: ['I6'],
  },
  {
    id: 'delete-before-acknowledgement',
    what: 'the relay deletes before Kafka has acknowledged',
    edits: [
      {
        file: RELAY,
        search: 'await publishUntilAcknowledged(publisher, batch, signal);',
        replacement: `await deleteRows(database, ids);
    await publishUntilAcknowledged(publisher, batch, signal);`,
      },
    ],
    faults: ['seam:outbox-relay-payments:relay.batch-sent'],
    breaks: ['I6'],
  },
  {
    id: 'cancel-without-asking',
    what: 'the sweeper cancels what is late without asking Payments',
    edits: [
      {
        file: SWEEP,
        search: 'const outcomes = await payments.findOutcomes(due.map(({ id }) => id));',
        replacement: `const outcomes = new Map(
    due.map(({ id: orderId, userId, amount }) => {
      const status = { status: 'CANCELED', cancelReason: 'INSUFFICIENT_FUNDS' } as const;
      return [orderId, { orderId, userId, amount, decidedAt: now, ...status }];
    }),
  );
  void payments;`,
      },
    ],
    faults: ['lock:payments'],
    breaks: ['I3'],
  },
  {
    id: 'second-event-id',
    what: 'an event that is told again gets a new id',
    edits: [
      {
        file: SWEEP,
        search: '...encodeOrderCreated(codec, order), topic: ordersTopic',
        replacement: `...encodeOrderCreated(
          { encode: (envelope) => codec.encode({ ...envelope, event_id: crypto.randomUUID() }) },
          order,
        ), topic: ordersTopic`,
      },
    ],
    faults: ['lock:payments'],
    breaks: ['I6'],
  },
  {
    id: 'new-order-for-a-known-key',
    what: 'a repeated key makes a new order',
    edits: [{ file: ORDERS_STORE, search: 'order.idempotencyKey ?? null]', replacement: 'null]' }],
    faults: [],
    breaks: ['I5', 'I7'],
  },
  {
    id: 'outbox-from-input',
    what: 'outbox rows are taken from the input instead of `returning`',
    edits: [{ file: ORDERS_STORE, search: 'from input join created using (id)', replacement: 'from input' }],
    faults: [],
    breaks: ['I2', 'I3'],
  },
  {
    id: 'dead-letter-in-inbox',
    what: 'a dead letter also writes the inbox',
    edits: [
      {
        file: 'packages/platform/src/kafka/process-records.ts',
        search: 'rejected.map(({ event }) => event),',
        replacement: '[],',
      },
    ],
    faults: ['poison:topics'],
    breaks: ['I6'],
  },
  {
    id: 'no-rescan',
    what: 'the relay trusts its low-water mark and never looks below it',
    edits: [{ file: RELAY, search: 'looking = lookBelow(mark, withoutIds);', replacement: 'looking = undefined;' }],
    faults: ['late-commit:orders'],
    breaks: ['I6'],
  },
];

/** No bug that could hide: it shows that it is the copy's code which runs. */
export const CANARY: PlantedBug = {
  id: 'canary',
  what: 'Payments ends at its start (shows that the copy is what runs)',
  edits: [
    {
      file: 'services/payments/src/main.ts',
      search: 'const config = loadConfig(configSchema);',
      replacement: `throw new Error('planted canary');
const config = loadConfig(configSchema);`,
    },
  ],
  faults: [],
  breaks: [],
};

/** The file's text with the edit made. Throws where the text is not there exactly once: the bug has drifted from the code. */
export function plant(text: string, { file, search, replacement }: Edit): string {
  const parts = text.split(search);
  if (parts.length !== 2)
    throw new Error(
      `A planted bug looks for "${search}" in ${file}, which has it ${parts.length - 1} times and not once.`,
    );
  return parts.join(replacement);
}
