import { AppError } from '@order-payments/kernel/errors.ts';
import { parseOrderId, type OrderId } from '@order-payments/kernel/ids.ts';
import { parseCommandLine, type Command } from '../command-line.ts';
import { withDatabases } from '../databases.ts';
import { describeStanding, isKnown, stepsOf, type Step, type TimelineFacts } from '../domain/timeline.ts';
import { formatDuration } from '../output/duration.ts';
import { printable, toJson } from '../output/printable.ts';
import { table } from '../output/table.ts';
import { CannotRunError, UsageError } from '../problem.ts';
import { findTimelineFacts } from '../store/timeline.ts';

const help = `npm run ops -- timeline ORDER_ID [--json]

Tells what became of an order: when it was written, when its event was received and from where in the topic, what Payments
decided and debited, and when Orders heard of it. An order that stands still is told where to look. It only reads.

Times are each database's own, in cause and effect's order; + is the time since the step before.

  --json  for machines (run npm with -s, so that it prints nothing of its own)

Exit code: 0 found, 2 nobody knows the order, or the command could not run.`;

export const timelineCommand: Command = {
  summary: 'tells what became of one order, step by step',
  help,
  async run(args, { config, terminal }) {
    const { values, positionals } = parseCommandLine(args, { json: { type: 'boolean', default: false } });
    const orderId = parseOnlyId(positionals);
    const facts = await withDatabases(config, 'read-only', (databases) => findTimelineFacts(databases, orderId));
    if (!isKnown(facts))
      throw new CannotRunError(`Neither Orders nor Payments knows an order ${orderId}: is this the right platform?`);
    terminal.out(values.json ? toJson(forMachines(orderId, facts)) : forHumans(orderId, facts));
    return 0;
  },
};

function parseOnlyId(positionals: readonly string[]): OrderId {
  const [text, ...rest] = positionals;
  if (text === undefined || rest.length > 0) throw new UsageError('timeline takes the id of one order.');
  try {
    return parseOrderId(text);
  } catch (error) {
    if (error instanceof AppError) throw new UsageError(`"${printable(text)}" is not the id of an order, a UUID.`);
    throw error;
  }
}

function forHumans(orderId: OrderId, facts: TimelineFacts): string {
  const steps = stepsOf(facts);
  const rows = steps.map(({ at, service, what }, index) => [
    at.toISOString(),
    sinceBefore(steps, index),
    service,
    printable(what),
  ]);
  return [`order ${orderId}`, table(['time', '+', 'service', 'what'], rows), describeStanding(facts)].join('\n\n');
}

function sinceBefore(steps: readonly Step[], index: number): string {
  const before = steps[index - 1];
  const step = steps[index];
  return before === undefined || step === undefined ? '' : formatDuration(step.at.getTime() - before.at.getTime());
}

function forMachines(orderId: OrderId, facts: TimelineFacts) {
  const { order, payment, debits, created, outcomes } = facts;
  return {
    order_id: orderId,
    standing: describeStanding(facts),
    steps: stepsOf(facts),
    order: order && {
      user_id: order.userId,
      amount: order.amount,
      status: order.status,
      cancel_reason: order.cancelReason,
      created_at: order.createdAt,
      settled_at: order.settledAt,
      swept_at: order.sweptAt,
      sweep_count: order.sweepCount,
    },
    payment: payment && {
      status: payment.status,
      reason: payment.reason,
      user_id: payment.userId,
      amount: payment.amount,
      created_at: payment.createdAt,
    },
    debits: debits.map(({ id, amount, balanceAfter, createdAt }) => ({
      transaction_id: id,
      amount,
      balance_after: balanceAfter,
      created_at: createdAt,
    })),
    events: [created, ...outcomes].map((trace) => ({
      event_id: trace.eventId,
      event_type: trace.eventType,
      outbox: trace.outbox.map(({ id, createdAt }) => ({ id, created_at: createdAt })),
      inbox: trace.inbox && {
        topic: trace.inbox.topic,
        partition: trace.inbox.partition,
        offset: trace.inbox.offset,
        received_at: trace.inbox.receivedAt,
      },
      dead_letters: trace.deadLetters.map(({ id, state, why }) => ({ id, state, why })),
    })),
  };
}
