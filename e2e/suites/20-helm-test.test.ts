import { beforeAll, describe, test } from '@jest/globals';
import { expectReconciled } from '../support/judge.ts';
import { ensureInstalled } from '../support/release.ts';

describe('helm test', () => {
  beforeAll(async () => await ensureInstalled());

  test('places an order and reconciles, and can be repeated', async () => {
    for (let time = 0; time < 2; time++) await expectReconciled();
  });
});
