import { beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, helm, release } from '../support/commands.ts';
import { openAccount, read200, settledOrder, withGateway } from '../support/gateway-client.ts';
import { expectReconciled } from '../support/judge.ts';
import { deployments, ensureInstalled, everyPodReady, installOrUpgrade, podsOf } from '../support/release.ts';

describe('uninstall and reinstall', () => {
  beforeAll(async () => {
    await ensureInstalled();
    await everyPodReady(180_000);
  });

  test('keep accounts and orders, and what is installed anew goes on with them', async () => {
    let user = '';
    let order: Record<string, unknown> = {};
    await withGateway(async (before) => {
      user = await openAccount(before, 1_000);
      order = await settledOrder(before, { user_id: user, amount: 300 });
      expect(order).toMatchObject({ status: 'FINISHED' });
    });

    await helm(['uninstall', release, '--wait', '--timeout', '120s'], { timeoutMs: 150_000 });
    await eventually(120_000, async () => {
      for (const part of deployments) if ((await podsOf(part)).length > 0) throw new Error(`${part} is still there.`);
    });
    const tookMs = await installOrUpgrade();
    process.stderr.write(`reinstalled in ${(tookMs / 1_000).toFixed(0)} s\n`);

    await withGateway(async (after) => {
      expect(await read200(after, `/orders/${String(order['id'])}`)).toEqual(order);
      expect(await read200(after, `/accounts/${user}`)).toMatchObject({ balance: 700 });
      expect(await settledOrder(after, { user_id: user, amount: 700 })).toMatchObject({ status: 'FINISHED' });
      expect(await read200(after, `/accounts/${user}`)).toMatchObject({ balance: 0 });
    });
    await expectReconciled();
  });
});
