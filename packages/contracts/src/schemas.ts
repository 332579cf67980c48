import { readFileSync } from 'node:fs';

/** A schema as this build knows it. `subject` is the record's full name, under which the registry keeps it. */
export type AvroSchema = { readonly subject: string; readonly text: string };

export const orderCreatedSchema = readSchema('OrderCreated');
export const paymentSucceededSchema = readSchema('PaymentSucceeded');
export const paymentFailedSchema = readSchema('PaymentFailed');

export const allSchemas: readonly AvroSchema[] = [orderCreatedSchema, paymentSucceededSchema, paymentFailedSchema];

function readSchema(eventType: string): AvroSchema {
  const text = readFileSync(new URL(`../../../schemas/${eventType}.avsc`, import.meta.url), 'utf8');
  const record = JSON.parse(text) as { namespace: string; name: string };
  return { subject: `${record.namespace}.${record.name}`, text };
}
