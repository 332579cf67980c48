import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { kubectl, release } from '../support/commands.ts';
import { expectReconciled } from '../support/judge.ts';
import { ensureInstalled } from '../support/release.ts';

const copy = `${release}-ops`;

describe('helm test', () => {
  beforeAll(async () => await ensureInstalled());
  afterAll(async () => void (await kubectl(['delete', 'pod', copy, '--ignore-not-found'], { timeoutMs: 60_000 })));

  test('places an order and reconciles, and can be repeated', async () => {
    for (let time = 0; time < 2; time++) await expectReconciled();
  });

  test("a copy of its pod runs the operator's other commands, as docs/operations.md says", async () => {
    await kubectl(['delete', 'pod', copy, '--ignore-not-found'], { timeoutMs: 60_000 });
    await kubectl([
      ...['debug', `${release}-test`, `--copy-to=${copy}`, '--container=reconcile', '--keep-labels'],
      ...['--keep-init-containers=false', '--profile=restricted', '--quiet'],
      ...['--', 'node', 'ops/src/main.ts', 'dead-letters', 'list', '--json'],
    ]);
    await kubectl(['wait', `pod/${copy}`, '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s'], {
      timeoutMs: 70_000,
    });
    expect(JSON.parse(await kubectl(['logs', copy]))).toEqual([]);
  });
});
