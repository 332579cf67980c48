import { CreateOrderRequest, ListOrdersRequest } from '@order-payments/contracts/generated/orders/v1/orders.ts';
import {
  GetPaymentsRequest,
  ListTransactionsRequest,
  TopUpAccountRequest,
} from '@order-payments/contracts/generated/payments/v1/payments.ts';
import type { Random } from '../../random.ts';
import { chanceBytes } from '../http/mutate.ts';
import { frame } from './session.ts';

export type Service = 'orders' | 'payments';

/** A call that is wrong in one way, and the statuses that say so. */
export interface BadCall {
  readonly name: string;
  readonly service: Service;
  readonly path: string;
  readonly body: readonly Buffer[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly allowed: ReadonlyArray<number | 'closed'>;
}

export const STATUS = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

export const CREATE_ORDER = '/orders.v1.OrdersService/CreateOrder';
export const TOP_UP = '/payments.v1.PaymentsService/TopUpAccount';

const { OK, INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED, FAILED_PRECONDITION, INTERNAL, NOT_FOUND } = STATUS;

/** Valid requests of every method that takes more than an id. */
export function validMessages(userId: string): ReadonlyArray<{ service: Service; path: string; bytes: Buffer }> {
  const encoded = (message: { finish(): Uint8Array }): Buffer => Buffer.from(message.finish());
  return [
    {
      service: 'orders',
      path: CREATE_ORDER,
      bytes: encoded(
        CreateOrderRequest.encode({ userId, amount: 7n, description: 'mutated', idempotencyKey: undefined }),
      ),
    },
    {
      service: 'payments',
      path: TOP_UP,
      bytes: encoded(TopUpAccountRequest.encode({ userId, amount: 3n, idempotencyKey: undefined })),
    },
    {
      service: 'orders',
      path: '/orders.v1.OrdersService/ListOrders',
      bytes: encoded(ListOrdersRequest.encode({ userId, status: 1, pageSize: 5, pageToken: '' })),
    },
    {
      service: 'payments',
      path: '/payments.v1.PaymentsService/ListTransactions',
      bytes: encoded(ListTransactionsRequest.encode({ userId, pageSize: 5, pageToken: '' })),
    },
    {
      service: 'payments',
      path: '/payments.v1.PaymentsService/GetPayments',
      bytes: encoded(GetPaymentsRequest.encode({ orderIds: [userId, userId] })),
    },
  ];
}

/** A field by hand: number, wire type, bytes. */
function field(number: number, wireType: number, ...bytes: number[]): Buffer {
  return Buffer.from([(number << 3) | wireType, ...bytes]);
}

function text(number: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([field(number, 2), varint(BigInt(bytes.length)), bytes]);
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

const HUGE = Array.from({ length: 9 }, () => 0xff);

/** Every way that has a name. */
export function badCalls(userId: string, random: Random): BadCall[] {
  const [order, topUp] = validMessages(userId);
  if (order === undefined || topUp === undefined) throw new Error('There is no valid message.');
  const withAmount = (amount: bigint): Buffer =>
    Buffer.concat([text(1, userId), field(2, 0), varint(amount), text(3, 'x')]);
  const messages: ReadonlyArray<[string, Buffer, BadCall['allowed']]> = [
    ['nothing', Buffer.alloc(0), [INVALID_ARGUMENT]],
    ['truncated', order.bytes.subarray(0, order.bytes.length - 3), [INVALID_ARGUMENT]],
    ['a length beyond the end', Buffer.concat([field(1, 2, ...HUGE, 0x01), Buffer.from('x')]), [INVALID_ARGUMENT]],
    ['a varint without an end', Buffer.concat([text(1, userId), field(2, 0, ...HUGE, 0xff, 0xff)]), [INVALID_ARGUMENT]],
    ['text where a number belongs', Buffer.concat([text(1, userId), text(2, 'seven')]), [INVALID_ARGUMENT]],
    ['a number where text belongs', Buffer.concat([field(1, 0, 5), field(2, 0, 7)]), [INVALID_ARGUMENT]],
    ['a group that never ends', Buffer.concat([text(1, userId), field(9, 3)]), [INVALID_ARGUMENT]],
    ['wire type 6', Buffer.concat([order.bytes, field(9, 6, 1)]), [INVALID_ARGUMENT]],
    // Decoders differ here: ts-proto passes over it as over an unknown field.
    ['field 0', Buffer.concat([order.bytes, Buffer.from([0x02, 0x01, 0x61])]), [OK, INVALID_ARGUMENT]],
    [
      'invalid UTF-8',
      Buffer.concat([text(1, userId), field(2, 0, 7), text(3, Buffer.from([0xff, 0xfe]))]),
      [INVALID_ARGUMENT],
    ],
    ['NUL in text', Buffer.concat([text(1, userId), field(2, 0, 7), text(3, 'a\0b')]), [INVALID_ARGUMENT]],
    [
      'a surrogate in UTF-8',
      Buffer.concat([text(1, userId), field(2, 0, 7), text(3, Buffer.from([0xed, 0xa0, 0x80]))]),
      [INVALID_ARGUMENT],
    ],
    ['amount 0', withAmount(0n), [INVALID_ARGUMENT]],
    ['amount -1', withAmount(-1n), [INVALID_ARGUMENT]],
    ['amount 2^53', withAmount(2n ** 53n), [INVALID_ARGUMENT]],
    ['amount -2^63', withAmount(-(2n ** 63n)), [INVALID_ARGUMENT]],
    [
      'a description of 501',
      Buffer.concat([text(1, userId), field(2, 0, 7), text(3, 'x'.repeat(501))]),
      [INVALID_ARGUMENT],
    ],
    ['a user that is none', Buffer.concat([text(1, 'me'), field(2, 0, 7)]), [INVALID_ARGUMENT]],
    ['a key with a line end', Buffer.concat([order.bytes, text(4, 'a\nb')]), [INVALID_ARGUMENT]],
    ['a key of 256', Buffer.concat([order.bytes, text(4, 'k'.repeat(256))]), [INVALID_ARGUMENT]],
    ['unknown fields', Buffer.concat([order.bytes, text(99 & 15, 'x'), field(14, 0, ...HUGE, 0x01)]), [OK]],
    ['the amount twice: the last counts', Buffer.concat([order.bytes, field(2, 0, 9)]), [OK]],
    ['the user twice: the last counts', Buffer.concat([order.bytes, text(1, 'nobody')]), [INVALID_ARGUMENT]],
    ['more than 64 KiB', Buffer.concat([order.bytes, text(9, 'x'.repeat(70_000))]), [RESOURCE_EXHAUSTED]],
  ];
  const call = { service: 'orders', path: CREATE_ORDER } as const;
  const good = frame(order.bytes);
  // The framing belongs to grpc-js, which has its own words, and INTERNAL for some, as the protocol says; none tells of us.
  const framing = [INVALID_ARGUMENT, UNIMPLEMENTED, RESOURCE_EXHAUSTED, INTERNAL, 'closed'] as const;
  return [
    ...messages.map(([name, bytes, allowed]) => ({ ...call, name, body: [frame(bytes)], allowed })),
    { ...call, name: 'no message at all', body: [], allowed: framing },
    { ...call, name: 'half a prefix', body: [good.subarray(0, 3)], allowed: framing },
    {
      ...call,
      name: 'a length longer than the message',
      body: [frame(order.bytes, { length: 5_000 })],
      allowed: framing,
    },
    { ...call, name: 'a length shorter than the message', body: [frame(order.bytes, { length: 4 })], allowed: framing },
    {
      ...call,
      name: 'a length of 4 GiB',
      body: [frame(order.bytes, { length: 0xffff_ffff })],
      allowed: [RESOURCE_EXHAUSTED],
    },
    // grpc-js takes a message for what it is where no compression was named.
    {
      ...call,
      name: 'compressed without a compression',
      body: [frame(order.bytes, { flag: 1 })],
      allowed: [OK, ...framing],
    },
    {
      ...call,
      name: 'gzip that is none',
      body: [frame(chanceBytes(random, 50), { flag: 1 })],
      headers: { 'grpc-encoding': 'gzip' },
      allowed: framing,
    },
    {
      ...call,
      name: 'an unknown compression',
      body: [frame(order.bytes, { flag: 1 })],
      headers: { 'grpc-encoding': 'zzz' },
      allowed: [UNIMPLEMENTED],
    },
    {
      ...call,
      name: 'a flag that nobody knows',
      body: [frame(order.bytes, { flag: 0x7e })],
      allowed: [OK, ...framing],
    },
    { ...call, name: 'two messages in one call', body: [good, good], allowed: framing },
    { ...call, name: 'a time-out that is none', body: [good], headers: { 'grpc-timeout': 'soon' }, allowed: framing },
    {
      ...call,
      name: 'a media type that is no gRPC',
      body: [good],
      headers: { 'content-type': 'application/json' },
      allowed: [415],
    },
    {
      ...call,
      name: 'an unknown method',
      path: '/orders.v1.OrdersService/Nothing',
      body: [good],
      allowed: [UNIMPLEMENTED],
    },
    { ...call, name: 'an unknown service', path: '/no.Service/CreateOrder', body: [good], allowed: [UNIMPLEMENTED] },
    {
      ...call,
      name: 'a path of 20,000 characters',
      path: `/${'x'.repeat(20_000)}`,
      body: [good],
      allowed: [UNIMPLEMENTED, 'closed', 431],
    },
    {
      name: 'a top-up that no balance has room for',
      service: 'payments',
      path: TOP_UP,
      body: [frame(Buffer.concat([text(1, userId), field(2, 0), varint(2n ** 53n - 1n)]))],
      allowed: [FAILED_PRECONDITION],
    },
    {
      name: 'a top-up of nobody',
      service: 'payments',
      path: TOP_UP,
      body: [frame(Buffer.concat([text(1, random.uuid()), field(2, 0, 7)]))],
      allowed: [NOT_FOUND],
    },
    {
      name: '101 ids',
      service: 'payments',
      path: '/payments.v1.PaymentsService/GetPayments',
      body: [frame(Buffer.concat(Array.from({ length: 101 }, () => text(1, random.uuid()))))],
      allowed: [INVALID_ARGUMENT],
    },
  ];
}
