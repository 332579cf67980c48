import { describe, expect, test } from '@jest/globals';
import { judgeDiscard, judgeRedrive, type DeadLetter } from './dead-letter.ts';

const letter: DeadLetter = {
  id: 7n,
  topic: 'orders.events',
  partition: 3,
  offset: 42n,
  key: Buffer.from('user-1'),
  value: Buffer.from([0, 0, 0, 0, 1, 2]),
  headers: {},
  eventId: '6d3b0e52-0000-5000-8000-000000000001',
  why: 'data.amount must be an integer',
  attempts: 1,
  state: 'DEAD',
  createdAt: new Date(0),
  updatedAt: new Date(0),
};
const gently = { force: false };
const forced = { force: true };

describe('a redrive', () => {
  test('sends the same bytes under the same key and event id', () => {
    expect(judgeRedrive(letter, gently)).toEqual({
      kind: 'do',
      what: { eventId: letter.eventId, topic: 'orders.events', key: 'user-1', payload: letter.value },
    });
  });

  test.each([{ value: Buffer.alloc(70_000) }, { key: Buffer.alloc(70_000, 'k') }])(
    'refuses what is larger than any event, which could keep the relay from publishing',
    (large) => {
      expect(judgeRedrive({ ...letter, ...large }, forced)).toMatchObject({ kind: 'refused' });
    },
  );

  test.each([
    ['null', null],
    ['no UTF-8', Buffer.from([0xff, 0xfe])],
    ['a NUL, which PostgreSQL text cannot hold', Buffer.from('a\0b')],
  ])('sends an empty key where the key is %s, and says so', (_name, key) => {
    expect(judgeRedrive({ ...letter, key }, gently)).toMatchObject({
      kind: 'do',
      what: { key: '' },
      note: expect.stringContaining('empty'),
    });
  });

  test('gives a record without an event id one of its place, the same each time and a UUID', () => {
    const ids = [letter, letter, { ...letter, offset: 43n }].map((one) => {
      const verdict = judgeRedrive({ ...one, eventId: null }, gently);
      return verdict.kind === 'do' ? verdict.what.eventId : verdict.kind;
    });
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  test('leaves alone what was redriven, and refuses what was discarded, unless forced', () => {
    expect(judgeRedrive({ ...letter, state: 'REDRIVEN' }, gently).kind).toBe('already');
    expect(judgeRedrive({ ...letter, state: 'DISCARDED' }, gently).kind).toBe('refused');
    expect(judgeRedrive({ ...letter, state: 'REDRIVEN' }, forced).kind).toBe('do');
    expect(judgeRedrive({ ...letter, state: 'DISCARDED' }, forced).kind).toBe('do');
  });

  test('refuses a record without a value even when forced', () => {
    expect(judgeRedrive({ ...letter, value: null }, forced).kind).toBe('refused');
  });
});

describe('a discard', () => {
  test('takes what is dead, leaves what is discarded, and refuses what is on its way again unless forced', () => {
    expect(judgeDiscard(letter, gently).kind).toBe('do');
    expect(judgeDiscard({ ...letter, state: 'DISCARDED' }, forced).kind).toBe('already');
    expect(judgeDiscard({ ...letter, state: 'REDRIVEN' }, gently).kind).toBe('refused');
    expect(judgeDiscard({ ...letter, state: 'REDRIVEN' }, forced).kind).toBe('do');
  });
});
