import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Order, OrderStatus } from './generated/orders/v1/orders.ts';

const timestamp = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true });
const order = fc.record({
  id: fc.uuid(),
  userId: fc.uuid(),
  amount: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  description: fc.string({ unit: 'binary' }),
  status: fc.constantFrom(...Object.values(OrderStatus)),
  cancelReason: fc.option(fc.string(), { nil: undefined }),
  createdAt: timestamp,
  settledAt: fc.option(timestamp, { nil: undefined }),
});

test('a message survives the wire: every int64 exactly, every time to the millisecond, absent apart from empty', () => {
  fc.assert(fc.property(order, (sent) => expect(Order.decode(Order.encode(sent).finish())).toEqual(sent)));
});

test('the wire format never changes', () => {
  const bytes = Order.encode({
    id: 'o',
    userId: 'u',
    amount: 600n,
    description: 'd',
    status: OrderStatus.ORDER_STATUS_CANCELED,
    cancelReason: 'ACCOUNT_NOT_FOUND',
    createdAt: new Date(1_001),
    settledAt: undefined,
  }).finish();
  // id=1 user_id=2 amount=3 description=4 status=5 cancel_reason=6 created_at=7
  expect(Buffer.from(bytes).toString('hex')).toBe(
    '0a016f12017518d804220164280332114143434f554e545f4e4f545f464f554e443a06080110c0843d',
  );
});
