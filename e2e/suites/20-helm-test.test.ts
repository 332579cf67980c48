import { beforeAll, describe, expect, test } from '@jest/globals';
import { helm, release } from '../support/commands.ts';
import { ensureInstalled } from '../support/release.ts';

describe('helm test', () => {
  beforeAll(async () => await ensureInstalled());

  test('places an order and reconciles, and can be repeated', async () => {
    for (let time = 0; time < 2; time++) {
      const output = await helm(['test', release, '--timeout', '120s'], { timeoutMs: 150_000 });
      expect(output).toMatch(/Phase:\s+Succeeded/);
    }
  });
});
