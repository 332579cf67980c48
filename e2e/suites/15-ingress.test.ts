import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { namespace, run } from '../support/commands.ts';
import { openAccount, settledOrder } from '../support/gateway-client.ts';
import { connectAsController, ingressRoutes } from '../support/ingress.ts';
import { ensureInstalled, host } from '../support/release.ts';

const elsewhere = `${namespace}-ingress`;

describe('the Ingress', () => {
  beforeAll(async () => {
    await ensureInstalled();
    await run('kubectl', ['create', 'namespace', elsewhere]).catch(() => undefined);
  });

  afterAll(async () => {
    await run('kubectl', ['delete', 'namespace', elsewhere, '--ignore-not-found', '--wait=false']);
  });

  test('leads every path of its host to the gateway', async () => {
    expect(await ingressRoutes()).toEqual([
      { host, path: '/', pathType: 'Prefix', service: expect.stringMatching(/-gateway$/), port: expect.any(Number) },
    ]);
  });

  test('names a way on which an order is placed and paid', async () => {
    for (const route of await ingressRoutes()) {
      const gateway = await connectAsController(route, elsewhere);
      const user = await openAccount(gateway, 1_000);
      expect(await settledOrder(gateway, { user_id: user, amount: 600 })).toMatchObject({ status: 'FINISHED' });
      expect((await gateway.get(`/accounts/${user}`)).body).toMatchObject({ balance: 400 });
    }
  });
});
