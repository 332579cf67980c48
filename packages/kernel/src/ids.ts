import { v5 as uuidV5, v7 as uuidV7 } from 'uuid';
import { invalidField } from './errors.ts';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type OrderId = Branded<'OrderId'>;
export type UserId = Branded<'UserId'>;
export type AccountId = Branded<'AccountId'>;
export type TransactionId = Branded<'TransactionId'>;
export type EventId = Branded<'EventId'>;

// Any version and variant: users bring their own ids. PostgreSQL would also take braces and missing hyphens; we do not.
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** RFC 9562 text form. The answer is lower case, so that equal ids are equal strings. */
function parseUuid(field: string, value: string): string {
  if (!uuidPattern.test(value)) throw invalidField(field, 'must be a UUID');
  return value.toLowerCase();
}

export const parseOrderId = (value: string, field = 'order_id'): OrderId => parseUuid(field, value) as OrderId;
export const parseUserId = (value: string, field = 'user_id'): UserId => parseUuid(field, value) as UserId;

// Version 7 carries its time first, so new rows go to the end of the primary key's index.
export const newOrderId = (): OrderId => uuidV7() as OrderId;
export const newAccountId = (): AccountId => uuidV7() as AccountId;
export const newTransactionId = (): TransactionId => uuidV7() as TransactionId;

/** Never change it: every event id that was ever published was derived from it (golden test). */
const eventNamespace = '6f4d3b0e-52c8-5b8e-9d3e-0f6b1c2a7d94';

/**
 * UUIDv5 of "<order id>:<event type>": the same fact is the same event, however often it is told,
 * also after a restore from a backup or when the sweeper tells it again.
 */
export function eventIdOf(orderId: OrderId, eventType: string): EventId {
  return uuidV5(`${orderId}:${eventType}`, eventNamespace) as EventId;
}
