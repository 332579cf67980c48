import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Wish } from '@order-payments/local/test-kit/client-with-history.ts';
import type { OrderId, UserId } from '@order-payments/kernel/ids.ts';
import type { Database } from '@order-payments/platform/db/pool.ts';
import type { EventRecord } from '@order-payments/platform/kafka/envelope.ts';
import { processRecords } from '@order-payments/platform/kafka/process-records.ts';
import { createMetrics } from '@order-payments/platform/metrics.ts';
import { changeAllLetters } from '../../../ops/src/commands/change-letters.ts';
import type { CreateOrder } from '../../../services/orders/src/commands/create-order.ts';
import { createSweep } from '../../../services/orders/src/commands/sweep.ts';
import { applyPaymentOutcomes } from '../../../services/orders/src/consumers/payment-outcomes.ts';
import type { RecordedOutcome } from '../../../services/orders/src/domain/sweep.ts';
import { createRelayMetrics } from '../../../services/outbox-relay/src/metrics.ts';
import { relay } from '../../../services/outbox-relay/src/relay.ts';
import type { OutboxRow } from '../../../services/outbox-relay/src/store/outbox-rows.ts';
import { createAccount } from '../../../services/payments/src/commands/create-account.ts';
import { topUpAccount } from '../../../services/payments/src/commands/top-up-account.ts';
import { applyOrderCreated } from '../../../services/payments/src/consumers/order-created.ts';
import { findPayments } from '../../../services/payments/src/store/payments.ts';
import type { Databases, ServiceName } from './model-databases.ts';
import { scheduledDatabase } from './scheduled-database.ts';
import { ModelProcess, type Scheduler } from './scheduler.ts';

export const partitions = 2;
const topicOf = { orders: 'payments.events', payments: 'orders.events' } as const;

/** A running copy of a service: what it has in memory is gone when its process dies. */
export interface Replica {
  readonly service: ServiceName;
  readonly process: ModelProcess;
  readonly database: Database;
  readonly createOrder: CreateOrder;
  readonly sweep: (now: Date) => Promise<void>;
}

/** The services' and the relay's real code on their real databases; the topics alone are lists. */
export class ModelPlatform {
  readonly topics = { 'orders.events': emptyTopic(), 'payments.events': emptyTopic() };
  /** Where the group that reads the topic has committed to. */
  readonly committed = { 'orders.events': [0, 0], 'payments.events': [0, 0] };
  readonly scheduler: Scheduler;
  readonly #databases: Databases;
  readonly #relays = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly replicas: Replica[] = [];
  /** Events that were applied, as far as those who did it lived to tell. */
  readonly applied = { orders: 0, payments: 0 };
  /** What no part may ever fail with. */
  readonly defects: string[] = [];

  constructor(databases: Databases, scheduler: Scheduler) {
    this.#databases = databases;
    this.scheduler = scheduler;
    for (const service of ['orders', 'payments'] as const) {
      this.replicas.push(this.#start(service, 'a'), this.#start(service, 'b'));
      this.startRelay(service);
    }
  }

  #start(service: ServiceName, name: string): Replica {
    const process = new ModelProcess(`${service} ${name}`);
    const { orders } = this.#databases;
    const database = scheduledDatabase(this.#databases[service].database, this.scheduler, process);
    const createOrder = orders.prepareCreateOrder(database, { slots: 2, batchSizeMax: 4, lengthMax: 100 });
    const sweep = createSweep(
      {
        database,
        payments: { findOutcomes: (ids) => this.#askPayments(ids) },
        codec: orders.codec,
        ordersTopic: 'orders.events',
        afterCommit: () => undefined,
        metrics: orders.metrics,
        logger: this.#databases.logger,
      },
      { overdueMs: 0, backoff: { baseMs: 1, maxMs: 1 }, dueMax: 100, tellAgainMax: 100 },
    );
    return { service, process, database, createOrder, sweep };
  }

  /** Dies with everything in its hands, and another one takes its place. */
  kill(process: ModelProcess): void {
    this.scheduler.kill(process);
    const place = this.replicas.findIndex((replica) => replica.process === process);
    const [service = '', name = ''] = process.name.split(' ');
    if (place !== -1) this.replicas[place] = this.#start(service as ServiceName, name);
    else if (!this.#relays.signal.aborted) this.startRelay(service as ServiceName);
  }

  /** Another leader, as there are two of for a moment when one was frozen. */
  startRelay(service: ServiceName): void {
    const process = new ModelProcess(`${service} relay`);
    const database = scheduledDatabase(this.#databases[service].relay, this.scheduler, process);
    const publish = async (rows: readonly OutboxRow[]): Promise<void> => {
      await this.scheduler.turn(process, 'send');
      for (const row of rows) this.append(row.topic, row.key, row.payload);
      await this.scheduler.turn(process, 'acknowledgement');
    };
    const parts = {
      database,
      publisher: { publish, close: async () => undefined },
      alarm: {
        ring: () => undefined,
        wait: async () => {
          await this.scheduler.turn(process, 'idle');
          if (this.scheduler.free) await sleep(2);
        },
      },
      metrics: createRelayMetrics(createMetrics(), { database, isLeader: () => true }),
      pause: async () => undefined,
    };
    const lead = async (): Promise<void> => {
      while (!process.dead && !this.#relays.signal.aborted) {
        // As the campaign for the leadership does: whatever broke, it leads again.
        await relay(parts, this.#relays.signal).catch((error: unknown) => this.#note(`relay of ${service}`, error));
      }
    };
    this.begin(`relay of ${service}`, lead);
  }

  append(topic: string, key: string, value: Buffer): void {
    const partition = Number.parseInt(key.slice(-1), 16) % partitions;
    const log = this.#log(topic, partition);
    const offset = BigInt(log.length);
    log.push({ topic, partition, offset, key: Buffer.from(key), value, timestampMs: 0, headers: {} });
  }

  /** What the consumer of the topic would be handed between two offsets. */
  records(topic: keyof ModelPlatform['topics'], partition: number, from: number, to: number): EventRecord[] {
    return this.#log(topic, partition).slice(from, to);
  }

  #log(topic: string, partition: number): EventRecord[] {
    const log = this.topics[topic as keyof ModelPlatform['topics']][partition];
    if (log === undefined) throw new Error(`There is no ${topic}[${partition}].`);
    return log;
  }

  /** The service applies the records, whatever they are; then, if told so, its group commits the offset. */
  async consume(replica: Replica, records: readonly EventRecord[], commit?: { partition: number; to: number }) {
    const { orders, payments } = this.#databases;
    const { database, service, process } = replica;
    const apply =
      service === 'orders'
        ? applyPaymentOutcomes(orders.metrics)
        : applyOrderCreated({ codec: payments.codec, paymentsTopic: 'payments.events', metrics: payments.metrics });
    const { applied } = await processRecords({ codec: this.#databases[service].codec, database, apply }, records);
    this.applied[service] += applied;
    if (commit === undefined) return;
    await this.scheduler.turn(process, 'commit of the offset');
    this.committed[topicOf[service]][commit.partition] = commit.to;
  }

  nextOf(
    service: ServiceName,
    partition: number,
  ): { topic: 'orders.events' | 'payments.events'; from: number; to: number } {
    const topic = topicOf[service];
    return { topic, from: this.committed[topic][partition] ?? 0, to: this.#log(topic, partition).length };
  }

  async redrive(service: ServiceName): Promise<void> {
    const process = new ModelProcess(`${service} ops`);
    const database = scheduledDatabase(this.#databases[service].ops, this.scheduler, process);
    const pages = changeAllLetters(database, 'redrive', {}, { dryRun: false, force: false });
    while ((await pages.next()).done !== true);
  }

  async openAccount({ database }: Replica, userId: UserId): Promise<void> {
    await createAccount(database, { userId, deadlineMs: soon() });
  }

  /** One attempt of a client, and what it was told. */
  async ask({ createOrder, database }: Replica, wish: Wish): Promise<Answer> {
    const { amount, description, key: idempotencyKey } = wish;
    const request = { userId: wish.userId as UserId, amount: BigInt(amount), idempotencyKey };
    try {
      if (wish.kind === 'order') {
        const order = await createOrder({ ...request, description }, soon());
        const reason = order.status === 'CANCELED' ? order.cancelReason : null;
        return { status: 201, body: { id: order.id, status: order.status, cancel_reason: reason } };
      }
      const { id, balanceAfter } = await topUpAccount(database, { ...request, deadlineMs: soon() });
      return { status: 201, body: { id, balance_after: String(balanceAfter) } };
    } catch (error) {
      const { code } = error as { code?: unknown };
      const status = { IDEMPOTENCY_KEY_REUSED: 422, ACCOUNT_NOT_FOUND: 404 }[String(code)];
      if (status === undefined && isDefect(error)) throw error;
      return { status, body: {} };
    }
  }

  /** As Payments' call GetPayments would answer, from a replica of its own. */
  async #askPayments(orderIds: readonly OrderId[]): Promise<ReadonlyMap<OrderId, RecordedOutcome>> {
    const replica = this.replicas.find(({ service }) => service === 'payments');
    if (replica === undefined) return new Map();
    const decided = await findPayments(replica.database, orderIds);
    return new Map(
      decided.map(({ createdAt: decidedAt, orderId, userId, amount, ...outcome }) => [
        orderId,
        outcome.status === 'SUCCEEDED'
          ? { orderId, userId, amount, decidedAt, status: 'FINISHED' }
          : { orderId, userId, amount, decidedAt, status: 'CANCELED', cancelReason: outcome.reason },
      ]),
    );
  }

  /** Runs beside everything else. Deaths and lost links are part of the model; any other error is a defect. */
  begin(what: string, work: () => Promise<unknown>): void {
    const running = work()
      .catch((error: unknown) => this.#note(what, error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #note(what: string, error: unknown): void {
    if (isDefect(error)) this.defects.push(`${what}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
  }

  get underWay(): number {
    return this.#running.size;
  }

  async end(): Promise<void> {
    this.#relays.abort();
    this.scheduler.release();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}

export class LostLinkError extends Error {
  override readonly name = 'LostLinkError';
  /** Of SQLSTATE's class 08: connection exception. */
  readonly code = '08006';
}

function isDefect(error: unknown): boolean {
  const { name, code } = error as { name?: unknown; code?: unknown };
  if (['ProcessDiedError', 'LostLinkError', 'ConcurrentSettlementError'].includes(String(name))) return false;
  return !['ACCOUNT_ALREADY_EXISTS', 'UNAVAILABLE', 'DEADLINE_EXCEEDED', '40001', '40P01'].includes(String(code));
}

const soon = (): number => Date.now() + 60_000;
const emptyTopic = (): EventRecord[][] => Array.from({ length: partitions }, () => []);
