import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, read, run } from '../support/commands.ts';
import { connectToGateway, openAccount, settledOrder, type GatewayClient } from '../support/gateway-client.ts';
import { deployments, emptyNamespace, everyPodReady, installOrUpgrade, podsOf } from '../support/release.ts';

/** What values.yaml says of each of our processes. */
const idleLimitBytes = 140_000_000;
/** A kubelet looks at its pods every ten seconds or so. */
const countedLimitMs = 60_000;

interface Summary {
  readonly pods: ReadonlyArray<{
    readonly podRef: { readonly name: string };
    readonly memory?: { readonly workingSetBytes?: number };
  }>;
}

/** What the kubelets count against the limits of their pods, by the pod's name. */
async function workingSets(): Promise<Map<string, number | undefined>> {
  const { items } = await read<{ items: Array<{ metadata: { name: string } }> }>(['get', 'nodes']);
  const summaries = items.map(async ({ metadata: { name } }) => {
    const { pods } = JSON.parse(
      await run('kubectl', ['get', '--raw', `/api/v1/nodes/${name}/proxy/stats/summary`]),
    ) as Summary;
    return pods.map(({ podRef, memory }) => [podRef.name, memory?.workingSetBytes] as const);
  });
  return new Map((await Promise.all(summaries)).flat());
}

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

  test('takes at most 140 MB for each of our pods while they are idle', async () => {
    const ours = (await Promise.all(deployments.map(podsOf))).flat().map(({ metadata }) => metadata.name);
    const taken = await eventually(countedLimitMs, async () => {
      const all = await workingSets();
      return ours.map((name) => {
        const bytes = all.get(name);
        if (bytes === undefined) throw new Error(`Nobody has counted ${name} yet.`);
        return { name, bytes };
      });
    });
    process.stderr.write(
      `idle: ${taken.map(({ name, bytes }) => `${name} ${Math.round(bytes / 1e6)} MB`).join(', ')}\n`,
    );
    expect(taken.filter(({ bytes }) => bytes > idleLimitBytes)).toEqual([]);
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
