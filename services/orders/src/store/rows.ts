import { cancelReasons } from '@order-payments/contracts/events.ts';
import type { OrderId, UserId } from '@order-payments/kernel/ids.ts';
import { sql } from '@order-payments/platform/db/pool.ts';
import { z } from 'zod';
import type { Order } from '../domain/order.ts';

// What PostgreSQL answers, checked and turned into the domain's types. Its uuid text is lower case, as our ids are.
export const id = <Id extends string>() => z.custom<Id>((value) => typeof value === 'string');

export const orderColumns = sql.fragment`
  orders.id, orders.user_id, orders.amount, orders.description, orders.status, orders.cancel_reason, orders.created_at,
  orders.settled_at`;

const orderFields = {
  id: id<OrderId>(),
  user_id: id<UserId>(),
  amount: z.bigint(),
  description: z.string(),
  created_at: z.date(),
};

export const orderFieldsByStatus = z.discriminatedUnion('status', [
  z.object({ ...orderFields, status: z.literal('NEW'), cancel_reason: z.null(), settled_at: z.null() }),
  z.object({ ...orderFields, status: z.literal('FINISHED'), cancel_reason: z.null(), settled_at: z.date() }),
  z.object({
    ...orderFields,
    status: z.literal('CANCELED'),
    cancel_reason: z.enum(cancelReasons),
    settled_at: z.date(),
  }),
]);

export function toOrder(row: z.output<typeof orderFieldsByStatus>): Order {
  const order = {
    id: row.id,
    userId: row.user_id,
    amount: row.amount,
    description: row.description,
    createdAt: row.created_at,
  };
  switch (row.status) {
    case 'NEW':
      return { ...order, status: row.status };
    case 'FINISHED':
      return { ...order, status: row.status, settledAt: row.settled_at };
    case 'CANCELED':
      return { ...order, status: row.status, settledAt: row.settled_at, cancelReason: row.cancel_reason };
  }
}

export const orderRow = orderFieldsByStatus.transform(toOrder);
