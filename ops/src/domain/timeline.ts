import type { DeadLetter } from './dead-letter.ts';

export interface TimelineOrder {
  readonly userId: string;
  readonly amount: bigint;
  readonly status: string;
  readonly cancelReason: string | null;
  readonly createdAt: Date;
  readonly settledAt: Date | null;
  readonly sweptAt: Date | null;
  readonly sweepCount: number;
}

/** Where an event is, as far as the databases tell: between outbox and inbox it is in the topic. */
export interface EventTrace {
  readonly eventType: string;
  readonly eventId: string;
  /** While it waits to be published; more rows than one after a re-emission or a redrive. */
  readonly outbox: ReadonlyArray<{ id: bigint; createdAt: Date }>;
  readonly inbox: { topic: string; partition: number; offset: bigint; receivedAt: Date } | null;
  readonly deadLetters: readonly DeadLetter[];
}

/** All that the two databases know of one order. */
export interface TimelineFacts {
  readonly order: TimelineOrder | null;
  readonly created: EventTrace;
  readonly payment: { status: string; reason: string | null; amount: bigint; userId: string; createdAt: Date } | null;
  readonly debits: ReadonlyArray<{ id: string; amount: bigint; balanceAfter: bigint; createdAt: Date }>;
  /** At most one of them happens; where both did, both are shown. */
  readonly outcomes: readonly EventTrace[];
}

export interface Step {
  readonly at: Date;
  readonly service: 'orders' | 'payments';
  readonly what: string;
}

export function isKnown(facts: TimelineFacts): boolean {
  return facts.order !== null || stepsOf(facts).length > 0;
}

/** In the order of cause and effect, also where two clocks disagree. */
export function stepsOf({ order, created, payment, debits, outcomes }: TimelineFacts): Step[] {
  const steps: Step[] = [];
  if (order !== null)
    steps.push({
      at: order.createdAt,
      service: 'orders',
      what: `order of ${order.amount} written, user ${order.userId}`,
    });
  if (order !== null && order.sweepCount > 0 && order.sweptAt !== null)
    steps.push({
      at: order.sweptAt,
      service: 'orders',
      what: `sweeper looked, told the event again ${order.sweepCount} times`,
    });
  steps.push(...traceSteps(created, { from: 'orders', to: 'payments' }));
  if (payment !== null) {
    const reason = payment.reason === null ? '' : ` (${payment.reason})`;
    steps.push({ at: payment.createdAt, service: 'payments', what: `payment ${payment.status}${reason}` });
  }
  for (const debit of debits)
    steps.push({
      at: debit.createdAt,
      service: 'payments',
      what: `DEBIT of ${debit.amount}, balance after it ${debit.balanceAfter}, transaction ${debit.id}`,
    });
  for (const outcome of outcomes) steps.push(...traceSteps(outcome, { from: 'payments', to: 'orders' }));
  return steps;
}

function traceSteps(trace: EventTrace, way: { from: Step['service']; to: Step['service'] }): Step[] {
  const { eventType } = trace;
  return [
    ...trace.outbox.map(({ id, createdAt }) => ({
      at: createdAt,
      service: way.from,
      what: `${eventType} waits in the outbox, row ${id}`,
    })),
    ...trace.deadLetters.map((letter) => ({
      at: letter.createdAt,
      service: way.to,
      what: `${eventType} became dead letter ${letter.id} (now ${letter.state}): ${letter.why}`,
    })),
    ...(trace.inbox === null
      ? []
      : [
          {
            at: trace.inbox.receivedAt,
            service: way.to,
            what: `${eventType} received from ${trace.inbox.topic}[${trace.inbox.partition}]@${trace.inbox.offset}, event ${trace.eventId}`,
          },
        ]),
  ];
}

/** Where the order stands, and for an order that stands still, where to look. */
export function describeStanding({ order, created, payment, outcomes }: TimelineFacts): string {
  if (order === null) return 'Orders does not have this order; what is shown is what Payments knows of it.';
  if (order.status !== 'NEW') {
    const reason = order.cancelReason === null ? '' : ` (${order.cancelReason})`;
    const settled = order.settledAt === null ? '' : `, decided at ${order.settledAt.toISOString()}`;
    return `The order is ${order.status}${reason}${settled}.`;
  }
  if (payment === null) return `The order is NEW: ${whereabouts(created, 'orders', 'payments')}`;
  const outcome = outcomes.find(({ eventType }) => eventType === outcomeTypeOf(payment.status));
  const where = outcome === undefined ? '' : ` ${whereabouts(outcome, 'payments', 'orders')}`;
  return `The order is NEW, and the payment ${payment.status}:${where}`;
}

function outcomeTypeOf(status: string): string {
  return status === 'SUCCEEDED' ? 'PaymentSucceeded' : 'PaymentFailed';
}

function whereabouts({ eventType, outbox, inbox, deadLetters }: EventTrace, from: string, to: string): string {
  const dead = deadLetters.find(({ state }) => state === 'DEAD');
  if (outbox.length > 0) return `${eventType} waits in the outbox; is the relay of ${from} running?`;
  if (inbox !== null) return `${to} received ${eventType} and has not acted on it.`;
  if (dead !== undefined)
    return `${eventType} is dead letter ${dead.id} of ${to}: npm run ops -- dead-letters show --service ${to} ${dead.id}`;
  return `${eventType} is published, or lost, and ${to} has not received it; is ${to} running? The sweeper tells it again.`;
}
