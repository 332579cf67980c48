import { beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { helm, kubectl, release } from '../support/commands.ts';
import { startLoad } from '../support/guest.ts';
import { deployments, ensureInstalled, everyPodReady, pods } from '../support/release.ts';

/** How the pods of everything that runs are found, ours and what they stand on. */
const victims: ReadonlyArray<readonly [name: string, selector: string]> = [
  ...deployments.map((part) => [part, `app.kubernetes.io/name=${part},app.kubernetes.io/instance=${release}`] as const),
  ['kafka', `strimzi.io/cluster=${release},strimzi.io/kind=Kafka`],
  ['orders-db', `cnpg.io/cluster=${release}-orders-db,cnpg.io/instanceRole=primary`],
  ['payments-db', `cnpg.io/cluster=${release}-payments-db,cnpg.io/instanceRole=primary`],
  ['registry', `app.kubernetes.io/name=apicurio-registry,app.kubernetes.io/instance=${release}`],
];

const readyAgainLimitMs = 180_000;

describe('a pod that is killed while orders come in', () => {
  beforeAll(async () => {
    await ensureInstalled();
    await everyPodReady(readyAgainLimitMs);
  });

  // With no grace: the kubelet gives two seconds and then SIGKILL. Death at each instant is what the tests in local/ are for.
  test.each(victims)('%s: no order is lost, none is paid twice, and all settle', async (_name, selector) => {
    const load = await startLoad();
    await sleep(3_000);
    const [victim] = await pods(selector);
    if (victim === undefined) throw new Error(`There is no pod of ${selector}.`);
    await kubectl(['delete', 'pod', victim.metadata.name, '--grace-period=0', '--force', '--wait=false']);
    await sleep(1_000);
    await everyPodReady(readyAgainLimitMs);
    await sleep(3_000);
    const report = await load.stop();
    expect(report).toMatchObject({ unresolved: 0, unsettled: 0, wrongBalances: [] });
    expect(report.taken).toBe(report.sent);
    expect(report.distinct).toBe(report.sent);
    expect(report.sent).toBeGreaterThan(50);
    expect(report.statuses['FINISHED'] ?? 0).toBeGreaterThan(0);
  });

  test('after all of it the books are right', async () => {
    expect(await helm(['test', release, '--timeout', '120s'], { timeoutMs: 150_000 })).toMatch(/Phase:\s+Succeeded/);
  });
});
