import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connectToGateway, openAccount, settledOrder, type GatewayClient } from '../support/gateway-client.ts';
import { deployments, emptyNamespace, everyPodReady, installOrUpgrade, podsOf } from '../support/release.ts';

describe('an install into an empty namespace that enforces restricted', () => {
  let gateway: GatewayClient | undefined;
  const connected = (): GatewayClient => {
    if (gateway === undefined) throw new Error('The gateway is not connected.');
    return gateway;
  };

  beforeAll(async () => await emptyNamespace());
  afterAll(() => gateway?.close());

  test('has every pod Ready within five minutes', async () => {
    const tookMs = await installOrUpgrade();
    process.stderr.write(`every pod Ready after ${(tookMs / 1_000).toFixed(0)} s\n`);
    expect(tookMs).toBeLessThan(300_000);
    for (const part of deployments) expect((await podsOf(part)).length).toBeGreaterThanOrEqual(1);
    await everyPodReady(1_000);
    gateway = await connectToGateway();
  });

  test('finishes an order that the account can pay', async () => {
    const user = await openAccount(connected(), 1_000);
    expect(await settledOrder(connected(), { user_id: user, amount: 600 })).toMatchObject({ status: 'FINISHED' });
    expect((await connected().get(`/accounts/${user}`)).body).toMatchObject({ balance: 400 });
  });

  test('cancels an order that it cannot, with the reason', async () => {
    const user = await openAccount(connected(), 400);
    expect(await settledOrder(connected(), { user_id: user, amount: 600 })).toMatchObject({
      status: 'CANCELED',
      cancel_reason: 'INSUFFICIENT_FUNDS',
    });
    expect((await connected().get(`/accounts/${user}`)).body).toMatchObject({ balance: 400 });
  });

  test('answers the same key with the same order', async () => {
    const user = await openAccount(connected(), 1_000);
    const order = { user_id: user, amount: 10, description: 'twice' };
    const first = await connected().post('/orders', order, { 'idempotency-key': 'once' });
    const second = await connected().post('/orders', order, { 'idempotency-key': 'once' });
    expect(first.status).toBe(201);
    expect(second.body['id']).toBe(first.body['id']);
  });

  test('serves Swagger UI with assets of its own, and the document that it shows', async () => {
    const page = await fetch(`${connected().url}/docs`);
    expect(page.status).toBe(200);
    const html = await page.text();
    const assets = [...html.matchAll(/(?:src|href)="([^"]+\.(?:js|css))"/g)].map((match) => match[1] ?? '');
    expect(assets.length).toBeGreaterThan(0);
    for (const asset of assets) expect((await fetch(new URL(asset, page.url))).status).toBe(200);
    const document = await connected().get('/swagger/doc.json');
    expect(document.body).toMatchObject({ openapi: expect.stringMatching(/^3\.1/) });
  });
});
