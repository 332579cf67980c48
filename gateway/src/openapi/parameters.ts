import { pageSizeDefault, pageSizeMax } from '@order-payments/kernel/cursor.ts';
import { idempotencyKeyLengthMax } from '@order-payments/kernel/text.ts';
import { orderStatuses, sampleIds, uuid } from './schemas.ts';
import type { Parameter } from './types.ts';

const requestId: Parameter = {
  name: 'X-Request-Id',
  in: 'header',
  description:
    'Your id of this request: 1 to 128 visible ASCII characters. It is echoed and written to the logs of every service. ' +
    'A missing or unfit one is replaced.',
  schema: { type: 'string' },
};

const userIdInPath: Parameter = {
  name: 'user_id',
  in: 'path',
  required: true,
  description: 'The user whose account it is.',
  schema: uuid('A UUID.'),
  example: sampleIds.user,
};

const orderIdInPath: Parameter = {
  name: 'order_id',
  in: 'path',
  required: true,
  description: 'The order.',
  schema: uuid('A UUID.'),
  example: sampleIds.order,
};

const userIdInQuery: Parameter = { ...userIdInPath, in: 'query', description: 'Whose orders.' };

const status: Parameter = {
  name: 'status',
  in: 'query',
  description: 'Only orders of this status; all when it is missing.',
  schema: { type: 'string', enum: orderStatuses },
};

const limit: Parameter = {
  name: 'limit',
  in: 'query',
  description: 'How many entries a page has at most.',
  schema: { type: 'integer', minimum: 1, maximum: pageSizeMax, default: pageSizeDefault },
};

const cursor: Parameter = {
  name: 'cursor',
  in: 'query',
  description:
    'The `next_cursor` of the page before; leave it out for the first page. It fits only the list it came from.',
  schema: { type: 'string', minLength: 1, maxLength: 256, pattern: '^[A-Za-z0-9_-]+$' },
};

const idempotencyKey: Parameter = {
  name: 'Idempotency-Key',
  in: 'header',
  description:
    'Makes the request safe to repeat: the same key with the same body gives the same result, once. ' +
    'Use a fresh one (such as a UUID) for each new intent. Without a key, a repetition is another request.',
  schema: { type: 'string', minLength: 1, maxLength: idempotencyKeyLengthMax, pattern: '^[\\x20-\\x7e]+$' },
};

const prefer: Parameter = {
  name: 'Prefer',
  in: 'header',
  description:
    '`wait=N` (RFC 7240): answer when the order is settled, or after N seconds (at most 10). ' +
    '`Preference-Applied` tells the time that applied. Other preferences are ignored.',
  schema: { type: 'string' },
};

export const parameters = {
  requestId,
  userIdInPath,
  orderIdInPath,
  userIdInQuery,
  status,
  limit,
  cursor,
  idempotencyKey,
  prefer,
} as const;
