import { beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, helm, release } from '../support/commands.ts';
import { connectToGateway, openAccount, settledOrder } from '../support/gateway-client.ts';
import { deployments, ensureInstalled, everyPodReady, installOrUpgrade, podsOf } from '../support/release.ts';

describe('uninstall and reinstall', () => {
  beforeAll(async () => {
    await ensureInstalled();
    await everyPodReady(180_000);
  });

  test('keep accounts and orders, and what is installed anew goes on with them', async () => {
    const before = await connectToGateway();
    const user = await openAccount(before, 1_000);
    const order = await settledOrder(before, { user_id: user, amount: 300 });
    expect(order).toMatchObject({ status: 'FINISHED' });
    before.close();

    await helm(['uninstall', release, '--wait', '--timeout', '120s'], { timeoutMs: 150_000 });
    await eventually(120_000, async () => {
      for (const part of deployments) if ((await podsOf(part)).length > 0) throw new Error(`${part} is still there.`);
    });
    const tookMs = await installOrUpgrade();
    process.stderr.write(`reinstalled in ${(tookMs / 1_000).toFixed(0)} s\n`);

    const after = await connectToGateway();
    expect((await after.get(`/orders/${String(order['id'])}`)).body).toEqual(order);
    expect((await after.get(`/accounts/${user}`)).body).toMatchObject({ balance: 700 });
    expect(await settledOrder(after, { user_id: user, amount: 700 })).toMatchObject({ status: 'FINISHED' });
    expect((await after.get(`/accounts/${user}`)).body).toMatchObject({ balance: 0 });
    expect(await helm(['test', release, '--timeout', '120s'], { timeoutMs: 150_000 })).toMatch(/Phase:\s+Succeeded/);
    after.close();
  });
});
