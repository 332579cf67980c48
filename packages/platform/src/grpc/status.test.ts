import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { AppError, errorCodes } from '@order-payments/kernel/errors.ts';
import { fromServiceError, toServiceError } from './status.ts';

const answered = (details: string): ServiceError => {
  const metadata = new Metadata();
  metadata.set('error-code', 'INVALID_FIELD');
  metadata.set('error-details', details);
  return Object.assign(new Error('refused'), { code: status.INVALID_ARGUMENT, details: 'amount is missing', metadata });
};

test('a connection that broke in mid-call is UNAVAILABLE, whatever grpc-js calls it', () => {
  for (const code of [status.UNAVAILABLE, status.INTERNAL]) {
    const broken = Object.assign(new Error('Received RST_STREAM'), { code, details: '', metadata: new Metadata() });
    expect(fromServiceError(broken).code).toBe('UNAVAILABLE');
  }
});

describe('what a service answered with', () => {
  test.each(errorCodes)('is the error that it threw: %s', (code) => {
    const thrown = new AppError(code, 'amount is missing', { field: 'amount' });
    const { code: told, message, details } = fromServiceError(toServiceError(thrown));
    expect({ told, message, details }).toEqual({ told: code, message: thrown.message, details: thrown.details });
  });

  test.each(['', '{', 'field', 'null', '["amount"]', '{"field":5}', '"amount"'])(
    'is an AppError without details where they are not facts by name: %s',
    (details) => {
      const error = fromServiceError(answered(details));
      expect(error).toBeInstanceOf(AppError);
      expect({ code: error.code, details: error.details }).toEqual({ code: 'INVALID_FIELD', details: {} });
    },
  );
});
