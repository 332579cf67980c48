import { headers } from './answers.ts';
import { accountPaths } from './account-operations.ts';
import { orderPaths } from './order-operations.ts';
import { healthPaths } from './health-operations.ts';
import { schemas } from './schemas.ts';

const description = `Accounts with balances, and orders that are paid from them.

An order is accepted at once (\`NEW\`) and settled a moment later: \`FINISHED\` when the balance covered it, else \`CANCELED\` with a reason.
Poll \`GET /orders/{order_id}\`, or send \`Prefer: wait=5\` when you create it.

* **Money** is an integer of minor units (such as cents), at most 2^53 - 1, so it is exact in every client.
* **Repeating safely**: send an \`Idempotency-Key\` with every top-up and order. After a time-out or a 5xx, repeat with the same key and get the one answer.
* **Errors** are \`application/problem+json\` (RFC 9457). Branch on \`code\`.
* **Lists** are newest first; follow \`next_cursor\` until it is null.

**There is no authentication yet: whoever reaches this API can use every account.**`;

/** Written once: Swagger UI shows it, and the same schemas validate every request (validation.ts). */
export const openApiDocument = {
  openapi: '3.1.0',
  info: {
    title: 'Order payments',
    version: '0.1.0',
    description,
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [{ url: '/', description: 'This gateway' }],
  tags: [
    { name: 'Accounts', description: 'Balances, top-ups and statements.' },
    { name: 'Orders', description: 'Orders and how they were settled.' },
    { name: 'Health', description: 'For probes.' },
  ],
  paths: { ...accountPaths, ...orderPaths, ...healthPaths },
  components: { schemas, headers },
} as const;
