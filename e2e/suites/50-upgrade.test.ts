import { beforeAll, describe, expect, test } from '@jest/globals';
import { expectAllRight } from '../support/judge.ts';
import { startLoad } from '../support/load.ts';
import { deployments, ensureInstalled, everyPodReady, installOrUpgrade, podsOf } from '../support/release.ts';

describe('helm upgrade while orders come in', () => {
  beforeAll(async () => {
    await ensureInstalled();
    await everyPodReady(180_000);
  });

  const uids = async (): Promise<string[]> =>
    (await Promise.all(deployments.map(podsOf))).flat().map(({ metadata }) => metadata.uid);

  test('replaces every pod, fails no request and loses no order; and so does the way back', async () => {
    const load = await startLoad();
    for (const logLevel of ['debug', 'info']) {
      const before = new Set(await uids());
      await installOrUpgrade([`global.logLevel=${logLevel}`]);
      // Old pods, that were told to stop, still finish what they have in hand.
      await load.untilAnswered(400, 60_000);
      expect((await uids()).filter((uid) => before.has(uid))).toEqual([]);
    }
    await expectAllRight(await load.stop(), 'no failure');
  });
});
