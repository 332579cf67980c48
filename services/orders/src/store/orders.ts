import type { OrderId } from '@order-payments/kernel/ids.ts';
import { sql, type Connection } from '@order-payments/platform/db/pool.ts';
import { rowsAs } from '@order-payments/platform/db/rows.ts';
import { outboxInsert } from '@order-payments/platform/outbox/outbox.ts';
import { z } from 'zod';
import type { NewOrder, Order } from '../domain/order.ts';
import { id, orderColumns, orderFieldsByStatus, orderRow, toOrder } from './rows.ts';

/** An order and its event, as they are written together. */
export interface OrderWithEvent {
  readonly order: NewOrder;
  readonly eventId: string;
  /** Encoded before the insert, so an event that breaks its schema never reaches the outbox. */
  readonly payload: Buffer;
}

const refusedRow = z.object({ id: id<OrderId>() });

/**
 * Writes orders and their events in one statement, which is its own transaction, and returns the ids that were not written
 * because the id or the key was there already: usually none, so usually no row is read. The outbox rows come from what
 * the insert returned and never from the input: of two rows with one key, one order is written and one event.
 */
export async function insertOrders(
  connection: Connection,
  rows: readonly OrderWithEvent[],
  topic: string,
): Promise<ReadonlySet<OrderId>> {
  const refused = await connection.any(sql.prepared('insert-orders', refusedRow)`
    with input as materialized (
      select * from ${inputRows(rows)}
    ), created as (
      insert into orders (id, user_id, amount, description, idempotency_key, created_at)
      select id, user_id, amount, description, idempotency_key, created_at from input
      on conflict do nothing
      returning id
    ), event as (
      ${outboxInsert(sql.fragment`(
        select event_id, ${topic}::text as topic, user_id::text as key, payload
        from input join created using (id)
        -- Ids grow within a process, so one user's events keep the order of its orders.
        order by id
      ) as event`)}
    )
    select id from input where id not in (select id from created)`);
  return new Set(refused.map((row) => row.id));
}

function inputRows(rows: readonly OrderWithEvent[]) {
  // In one order for all: batches that hold the same keys in different orders deadlock.
  const sorted = [...rows].sort((a, b) => compareByKey(a.order, b.order));
  return rowsAs('input', sorted, {
    id: ['uuid', ({ order }) => order.id],
    user_id: ['uuid', ({ order }) => order.userId],
    amount: ['int8', ({ order }) => order.amount],
    description: ['text', ({ order }) => order.description],
    idempotency_key: ['text', ({ order }) => order.idempotencyKey ?? null],
    created_at: ['timestamptz', ({ order }) => order.createdAt],
    event_id: ['uuid', ({ eventId }) => eventId],
    payload: ['bytea', ({ payload }) => payload],
  });
}

function compareByKey(a: NewOrder, b: NewOrder): number {
  if (a.userId !== b.userId) return a.userId < b.userId ? -1 : 1;
  const [keyA, keyB] = [a.idempotencyKey ?? '', b.idempotencyKey ?? ''];
  return keyA === keyB ? 0 : keyA < keyB ? -1 : 1;
}

const storedRow = orderFieldsByStatus
  .and(z.object({ requested_id: id<OrderId>() }))
  .transform((row) => ({ requestedId: row.requested_id, order: toOrder(row) }));

/** The orders that stand where these could not be written, by the id that was refused: the order of that id or of its key. */
export async function findStanding(
  connection: Connection,
  refused: readonly NewOrder[],
): Promise<ReadonlyMap<OrderId, Order>> {
  const rows = refused.map(({ id, userId, idempotencyKey }) => [id, userId, idempotencyKey ?? null]);
  const found = await connection.any(sql.type(storedRow)`
    with request as (select * from ${sql.unnest(rows, ['uuid', 'uuid', 'text'])} as request (id, user_id, idempotency_key))
    select ${orderColumns}, request.id as requested_id
    from request join orders on orders.id = request.id
    union all
    select ${orderColumns}, request.id as requested_id
    from request join orders on orders.user_id = request.user_id and orders.idempotency_key = request.idempotency_key
    where orders.id <> request.id`);
  return new Map(found.map(({ requestedId, order }) => [requestedId, order]));
}

export async function findOrder(connection: Connection, orderId: OrderId): Promise<Order | null> {
  return await connection.maybeOne(sql.type(orderRow)`select ${orderColumns} from orders where id = ${orderId}`);
}

export async function findOrders(connection: Connection, orderIds: readonly OrderId[]): Promise<readonly Order[]> {
  return await connection.any(
    sql.type(orderRow)`select ${orderColumns} from orders where id = any(${sql.array(orderIds, 'uuid')})`,
  );
}
