import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { eventIdOf, newAccountId, newOrderId, newTransactionId, parseOrderId, parseUserId } from './ids.ts';

const id = '0197a4c0-5a10-7c3e-8b1d-2f6e9a0c4d51';
const hexDigits = (length: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEF'), minLength: length, maxLength: length });
const uuidText = fc
  .tuple(hexDigits(8), hexDigits(4), hexDigits(4), hexDigits(4), hexDigits(12))
  .map((parts) => parts.join('-'));

describe('parsing an id', () => {
  test('folds to lower case, whatever the version and variant', () => {
    fc.assert(fc.property(uuidText, (text) => expect(parseUserId(text)).toBe(text.toLowerCase())));
    expect(parseOrderId('FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF')).toBe('ffffffff-ffff-ffff-ffff-ffffffffffff');
  });

  test.each([
    '',
    `{${id}}`,
    `urn:uuid:${id}`,
    id.replaceAll('-', ''),
    ` ${id}`,
    `${id} `,
    `${id}\n`,
    `${id}\0`,
    id.slice(0, -1),
    `${id}0`,
    id.replace('0', 'g'),
    id.replace('0', '٠'),
    id.replaceAll('-', '–'),
  ])('refuses %j and names the field', (text) => {
    expect(() => parseOrderId(text)).toThrow(
      expect.objectContaining({ code: 'INVALID_FIELD', details: { field: 'order_id' } }),
    );
    expect(() => parseUserId(text, 'data.user_id')).toThrow(
      expect.objectContaining({ code: 'INVALID_FIELD', details: { field: 'data.user_id' } }),
    );
  });
});

test('new ids are UUIDs of version 7 that sort in the order they were made', () => {
  for (const make of [newOrderId, newAccountId, newTransactionId] as (() => string)[]) {
    const ids = Array.from({ length: 1_000 }, () => make());
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.toSorted()).toEqual(ids);
    for (const made of ids)
      expect(made).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});

describe('the id of an event', () => {
  // Computed with Python's uuid.uuid5. Every inbox in the world holds such ids: a change makes old facts look new.
  test.each([
    ['OrderCreated', '3eaaf832-9781-5746-a423-69a3a0dcae8b'],
    ['PaymentSucceeded', '96046452-5cd6-5917-b13d-6eba7167fcca'],
    ['PaymentFailed', '92002898-b990-50a8-bd54-7394dd0364d6'],
  ])('of %s never changes', (eventType, eventId) => {
    expect(eventIdOf(parseOrderId(id), eventType)).toBe(eventId);
    expect(eventIdOf(parseOrderId(id.toUpperCase()), eventType)).toBe(eventId);
  });

  test('differs with the order and with the type', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.uuid(), (first, second) => {
        fc.pre(first !== second);
        const types = ['OrderCreated', 'PaymentSucceeded', 'PaymentFailed'];
        const ids = [first, second].flatMap((order) => types.map((type) => eventIdOf(parseOrderId(order), type)));
        expect(new Set(ids).size).toBe(ids.length);
      }),
    );
  });
});
