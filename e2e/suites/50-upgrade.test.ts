import { beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { startLoad } from '../support/guest.ts';
import { deployments, ensureInstalled, everyPodReady, installOrUpgrade, podsOf } from '../support/release.ts';

describe('helm upgrade while orders come in', () => {
  beforeAll(async () => {
    await ensureInstalled();
    await everyPodReady(180_000);
  });

  const uids = async (): Promise<string[]> =>
    (await Promise.all(deployments.map(podsOf))).flat().map(({ metadata }) => metadata.uid);

  test('replaces every pod, fails no request and loses no order; and so does the way back', async () => {
    for (const logLevel of ['debug', 'info']) {
      const before = new Set(await uids());
      const load = await startLoad();
      await sleep(3_000);
      await installOrUpgrade([`global.logLevel=${logLevel}`]);
      await sleep(5_000);
      const report = await load.stop();
      expect((await uids()).filter((uid) => before.has(uid))).toEqual([]);
      expect(report.failures).toEqual({});
      expect(report).toMatchObject({ unresolved: 0, unsettled: 0, wrongBalances: [] });
      expect(report.distinct).toBe(report.sent);
      expect(report.sent).toBeGreaterThan(100);
    }
  });
});
