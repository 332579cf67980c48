import { describe, expect, test } from '@jest/globals';
import { BackendTerminatedError, CheckIntegrityConstraintViolationError, InvalidInputError } from 'slonik';
import { describeDatabaseError, errorKind, sqlStateOf } from './sql-state.ts';

const withCode = (code: string): Error => Object.assign(new Error('from the database'), { code });

describe('what kind of trouble an error is', () => {
  test.each([
    ['22001', 'data'],
    ['23505', 'data'],
    ['40001', 'transient'],
    ['40P01', 'transient'],
    ['08006', 'transient'],
    ['28P01', 'transient'],
    ['53100', 'transient'],
    ['53300', 'transient'],
    ['55P03', 'transient'],
    ['57P01', 'transient'],
    ['57014', 'transient'],
    ['42601', 'other'],
    ['42501', 'other'],
    ['XX001', 'other'],
    ['25006', 'transient'],
    ['25P03', 'transient'],
    ['25P02', 'other'],
    ['58030', 'transient'],
  ])('SQLSTATE %s is %s', (code, kind) => {
    expect(errorKind(withCode(code))).toBe(kind);
    expect(errorKind(new Error('wrapped', { cause: withCode(code) }))).toBe(kind);
  });

  test.each(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'])(
    '%s passes by itself',
    (code) => {
      expect(sqlStateOf(withCode(code))).toBeUndefined();
      expect(errorKind(withCode(code))).toBe('transient');
      expect(errorKind(new AggregateError([withCode(code)], 'every address failed'))).toBe('transient');
    },
  );

  test("is told in the database's words, and where there are none in the error's own", () => {
    const wrapped = new CheckIntegrityConstraintViolationError(withCode('23514'));
    expect(describeDatabaseError(wrapped)).toBe('from the database');
    expect(describeDatabaseError(new Error('ours'))).toBe('ours');
    expect(describeDatabaseError('thrown')).toBe('thrown');
  });

  test("slonik's wrappers keep what they wrap", () => {
    expect(errorKind(new CheckIntegrityConstraintViolationError(withCode('23514') as never))).toBe('data');
    expect(errorKind(new InvalidInputError('invalid input syntax for type uuid'))).toBe('data');
    expect(errorKind(new BackendTerminatedError(new Error('gone')))).toBe('transient');
    expect(errorKind(new Error('Connection terminated unexpectedly'))).toBe('transient');
    // The session was given up, and its answer came after all.
    expect(errorKind(new Error('Client is pending destroy.'))).toBe('transient');
  });

  test('a call that its ending process still had in hand can be answered by another process', () => {
    for (const state of ['is being', 'has been'])
      expect(errorKind(new Error(`Connection pool ${state} shut down. Cannot create a new connection.`))).toBe(
        'transient',
      );
  });

  test('a bug of ours is neither', () => {
    expect(errorKind(new TypeError('undefined is not a function'))).toBe('other');
    expect(errorKind('a string')).toBe('other');
    expect(errorKind(undefined)).toBe('other');
  });
});
