import { isUuid, newUuid, uuidFromName } from './uuid.ts';
import { invalidField } from './errors.ts';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type OrderId = Branded<'OrderId'>;
export type UserId = Branded<'UserId'>;
export type AccountId = Branded<'AccountId'>;
export type TransactionId = Branded<'TransactionId'>;
export type EventId = Branded<'EventId'>;

/** RFC 9562 text form. The answer is lower case, so that equal ids are equal strings. */
function parseUuid(field: string, value: string): string {
  const id = value.toLowerCase();
  if (!isUuid(id)) throw invalidField(field, 'must be a UUID');
  return id;
}

export const parseOrderId = (value: string, field = 'order_id'): OrderId => parseUuid(field, value) as OrderId;
export const parseUserId = (value: string, field = 'user_id'): UserId => parseUuid(field, value) as UserId;

export const newOrderId = (): OrderId => newUuid() as OrderId;
export const newAccountId = (): AccountId => newUuid() as AccountId;
export const newTransactionId = (): TransactionId => newUuid() as TransactionId;

/** Never change it: every event id that was ever published was derived from it (golden test). */
const eventNamespace = Buffer.from('6f4d3b0e52c85b8e9d3e0f6b1c2a7d94', 'hex');

/**
 * UUIDv5 of "<order id>:<event type>": the same fact is the same event, however often it is told,
 * also after a restore from a backup or when the sweeper tells it again.
 */
export function eventIdOf(orderId: OrderId, eventType: string): EventId {
  return uuidFromName(eventNamespace, `${orderId}:${eventType}`) as EventId;
}
