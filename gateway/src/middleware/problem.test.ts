import { describe, expect, test } from '@jest/globals';
import { AppError } from '@order-payments/kernel/errors.ts';
import { RequestError } from '../request-error.ts';
import { presentProblem } from './problem.ts';
import { problemCodes, problemTable } from './problem-table.ts';

describe('presentProblem', () => {
  test.each(problemCodes.filter((code) => problemTable[code].status >= 500))(
    'says of %s nothing that the error says, which may name a host or a table',
    (code) => {
      const secret = 'connect ECONNREFUSED 10.1.2.3:5432 select secret from accounts at /app/src/store.ts:7';
      const problem = presentProblem(new AppError(code as 'INTERNAL', secret, { field: 'x' }), 'r-1');
      expect(problem.status).toBe(problemTable[code].status);
      expect(JSON.stringify({ ...problem, headers: {} })).not.toMatch(/10\.1|5432|secret|store/);
    },
  );

  test('tells an unknown error as INTERNAL', () => {
    const { status, body } = presentProblem(new TypeError('x is not a function'), 'r-1');
    expect({ status, code: body.code }).toEqual({ status: 500, code: 'INTERNAL' });
    expect(body.detail).not.toContain('function');
  });

  test('names the field of an AppError and carries the headers of a RequestError', () => {
    expect(
      presentProblem(new AppError('INVALID_FIELD', 'amount is missing', { field: 'amount' }), 'r').body.field,
    ).toBe('amount');
    const refused = new RequestError('METHOD_NOT_ALLOWED', 'no', { headers: { Allow: 'GET' } });
    expect(presentProblem(refused, 'r').headers).toEqual({ Allow: 'GET' });
  });

  test('tells when to come back wherever that may help', () => {
    for (const code of ['OVERLOADED', 'UNAVAILABLE'] as const)
      expect(presentProblem(new AppError(code, ''), 'r').headers).toEqual({ 'Retry-After': '1' });
  });
});
