/** An instant at which a process may die, and the seam in the code where the crash suites let it. */
export interface Instant {
  readonly when: string;
  readonly seam: string;
}

/** An instant that has no seam, and why: it cannot exist, or something else than a seam stops the process there. */
export interface InstantWithoutSeam {
  readonly when: string;
  readonly why: string;
}

export const gatewayInstants: readonly Instant[] = [
  { when: 'the service has answered, the client has not heard of it', seam: 'gateway.answered' },
];

/** While a call writes. An order, its outbox row and their commit are one statement, and so is a top-up. */
export const callInstants = {
  orders: [
    { when: 'orders are about to be written', seam: 'orders.ingest.statement-unsent' },
    { when: 'COMMIT is sent, its answer unread', seam: 'orders.ingest.commit-sent' },
    { when: 'committed, not answered', seam: 'orders.ingest.committed' },
  ],
  payments: [
    { when: 'a top-up’s COMMIT is sent, its answer unread', seam: 'payments.top-up.commit-sent' },
    { when: 'a top-up is committed, not answered', seam: 'payments.top-up.committed' },
  ],
} as const satisfies Record<string, readonly Instant[]>;

export const relayInstants: readonly Instant[] = [
  { when: 'rows are read', seam: 'relay.read' },
  { when: 'a batch is sent, not acknowledged', seam: 'relay.batch-sent' },
  { when: 'a batch is acknowledged, its rows not deleted', seam: 'relay.acknowledged' },
  { when: 'the delete is sent, its answer unread', seam: 'relay.delete-sent' },
];

const everyConsumer: readonly Instant[] = [
  { when: 'a batch is fetched', seam: 'consumer.fetched' },
  { when: 'the inbox is written', seam: 'consumer.inbox-written' },
  { when: 'all is written, not committed', seam: 'consumer.applied' },
  { when: 'COMMIT is sent, its answer unread', seam: 'consumer.commit-sent' },
  { when: 'committed, the offset not resolved', seam: 'consumer.committed' },
  { when: 'the offset is resolved, not committed', seam: 'consumer.resolved' },
];

export const consumerInstants = {
  orders: everyConsumer,
  payments: [...everyConsumer, { when: 'decided, the reply not written', seam: 'consumer.settled' }],
} as const satisfies Record<string, readonly Instant[]>;

export const sweeperInstants: readonly Instant[] = [
  { when: 'Payments has told what it knows', seam: 'sweeper.planned' },
  { when: 'the event is told again, not committed', seam: 'sweeper.told-again' },
  { when: 'COMMIT is sent, its answer unread', seam: 'sweeper.commit-sent' },
  { when: 'committed, the relay not woken', seam: 'sweeper.committed' },
];

export const instantsWithoutSeam: readonly InstantWithoutSeam[] = [
  { when: 'orders: an order is written, its outbox row not', why: 'Both are one statement.' },
  { when: 'orders: the outbox row is written, COMMIT not sent', why: 'The statement is its own transaction.' },
  { when: 'relay: a batch is half deleted', why: 'Its delete is one statement, and its own transaction.' },
  { when: 'relay: leadership is lost while sending', why: 'Frozen at relay.batch-sent; the test ends its session.' },
  { when: 'consumer: a rebalance comes with a batch in hand', why: 'A row lock of the test holds the batch.' },
  { when: 'consumer: woken after a long SIGSTOP', why: 'Frozen at consumer.settled for longer than its session.' },
  { when: 'a migration is half applied', why: 'A table of the test holds it between two of its statements.' },
];

export const allSeams: ReadonlySet<string> = new Set(
  [
    gatewayInstants,
    ...Object.values(callInstants),
    relayInstants,
    ...Object.values(consumerInstants),
    sweeperInstants,
  ].flatMap((instants) => instants.map(({ seam }) => seam)),
);
