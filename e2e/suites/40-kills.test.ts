import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, kubectl, release } from '../support/commands.ts';
import { expectAllRight, expectReconciled } from '../support/judge.ts';
import { startLoad, type Load } from '../support/load.ts';
import { deployments, ensureInstalled, everyPodReady, isReady, pods, selectorOf } from '../support/release.ts';

/** How the pods of everything that runs are found, ours and what they stand on. */
const victims: ReadonlyArray<readonly [name: string, selector: string]> = [
  ...deployments.map((part) => [part, selectorOf(part)] as const),
  ['kafka', `strimzi.io/cluster=${release},strimzi.io/kind=Kafka`],
  ['the primary of orders', `cnpg.io/cluster=${release}-orders-db,cnpg.io/instanceRole=primary`],
  ['the primary of payments', `cnpg.io/cluster=${release}-payments-db,cnpg.io/instanceRole=primary`],
  ['the primary of the registry', `cnpg.io/cluster=${release}-registry-db,cnpg.io/instanceRole=primary`],
  ['the registry', selectorOf('apicurio-registry')],
];

const readyAgainLimitMs = 180_000;
/** A part that is back is of use to clients again: breakers, pools and back-offs have this long. */
const answeredAgainLimitMs = 60_000;

describe('while orders come in', () => {
  let load: Load | undefined;

  beforeAll(async () => {
    await ensureInstalled();
    await everyPodReady(readyAgainLimitMs);
    load = await startLoad();
  });

  afterAll(async () => void (await kubectl(['delete', 'pod', 'load', '--ignore-not-found', '--now'])));

  // With no grace: the kubelet gives two seconds and then SIGKILL. Death at each instant is what the tests in local/ are for.
  test.each(victims)('%s may be killed, comes back, and orders go on', async (_name, selector) => {
    const before = await pods(selector);
    const [victim] = before;
    if (victim === undefined) throw new Error(`There is no pod of ${selector}.`);
    await kubectl(['delete', 'pod', victim.metadata.name, '--grace-period=0', '--force', '--wait=false']);
    await eventually(readyAgainLimitMs, async () => {
      const now = (await pods(selector)).filter(({ metadata }) => metadata.uid !== victim.metadata.uid);
      if (now.filter(isReady).length < before.length) throw new Error(`${victim.metadata.name} is not replaced.`);
    });
    await everyPodReady(readyAgainLimitMs);
    await load?.untilAnswered(200, answeredAgainLimitMs);
  });

  test('not one of them is lost, changed or paid twice', async () => {
    const history = (await load?.stop()) ?? [];
    expect(history.length).toBeGreaterThan(200 * victims.length);
    await expectAllRight(history, 'failures while away');
    await expectReconciled();
  });
});
