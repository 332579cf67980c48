import { answer, locationHeader, preferenceAppliedHeader } from './answers.ts';
import { operation } from './operation.ts';
import { parameters } from './parameters.ts';
import { sampleIds } from './schemas.ts';

const newOrder = {
  id: sampleIds.order,
  user_id: sampleIds.user,
  amount: 600,
  description: 'Two books',
  status: 'NEW',
  cancel_reason: null,
  created_at: '2026-11-22T10:15:31.456Z',
  settled_at: null,
};
const finishedOrder = { ...newOrder, status: 'FINISHED', settled_at: '2026-11-22T10:15:31.502Z' };

export const orderPaths = {
  '/orders': {
    post: operation({
      id: 'createOrder',
      tag: 'Orders',
      summary: 'Order, to be paid from the balance',
      description:
        "Accepts the order and pays it from the user's account a moment later. The same `Idempotency-Key` with the same " +
        'body answers with the same order, as it is then; with another body it is refused. A user without an account is ' +
        'no error here: the order becomes CANCELED with `ACCOUNT_NOT_FOUND`.',
      parameters: [parameters.idempotencyKey, parameters.prefer],
      body: {
        schema: 'CreateOrderRequest',
        examples: { order: { value: { user_id: sampleIds.user, amount: 600, description: 'Two books' } } },
      },
      success: {
        201: answer(
          'The order: NEW, or settled if it is a repetition or `Prefer: wait` saw it settle.',
          { schema: 'Order', example: newOrder },
          { ...locationHeader, ...preferenceAppliedHeader },
        ),
      },
      asksService: true,
      refusals: ['INVALID_IDEMPOTENCY_KEY', 'IDEMPOTENCY_KEY_REUSED'],
    }),
    get: operation({
      id: 'listOrders',
      tag: 'Orders',
      summary: "List a user's orders",
      description: 'Newest first. An unknown user has none.',
      parameters: [parameters.userIdInQuery, parameters.status, parameters.limit, parameters.cursor],
      success: {
        200: answer('A page of orders.', {
          schema: 'OrderPage',
          example: { orders: [finishedOrder], next_cursor: null },
        }),
      },
      asksService: true,
      refusals: ['INVALID_CURSOR'],
    }),
  },
  '/orders/{order_id}': {
    get: operation({
      id: 'getOrder',
      tag: 'Orders',
      summary: 'Read an order',
      description: 'The order as it is now.',
      parameters: [parameters.orderIdInPath],
      success: { 200: answer('The order.', { schema: 'Order', example: finishedOrder }) },
      asksService: true,
      refusals: ['ORDER_NOT_FOUND'],
    }),
  },
} as const;
