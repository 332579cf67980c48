import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { relayPart } from '../src/parts.ts';
import { eventually } from '../src/test-kit/eventually.ts';
import { freePort } from '../src/test-kit/infrastructure.ts';
import { startServices } from '../src/test-kit/start-services.ts';
import type { TestServices } from '../src/test-kit/start-services.ts';

const MINUTE_MS = 60_000;

let services: TestServices;
const userId = randomUUID();

beforeAll(async () => {
  services = await startServices({ env: { LOG_LEVEL: 'warn' } });
  await post('/accounts', { user_id: userId });
  await post(`/accounts/${userId}/top-ups`, { amount: 1_000 });
}, 2 * MINUTE_MS);

afterAll(() => services.stop(), MINUTE_MS);

describe('the five processes', () => {
  test('pay an order end to end', async () => {
    expect(await order(600)).toMatchObject({ status: 'FINISHED' });
    expect(await order(600)).toMatchObject({ status: 'CANCELED', cancel_reason: 'INSUFFICIENT_FUNDS' });
  });

  test('pay an order after every one of them was killed', async () => {
    for (const name of ['orders', 'payments', 'outbox-relay-orders', 'outbox-relay-payments', 'gateway']) {
      const part = services.part(name);
      const before = part.pid();
      part.kill('SIGKILL');
      await eventually(() => expect(part.pid()).not.toBe(before), { timeoutMs: 5_000 });
    }
    for (const name of ['orders', 'payments', 'gateway']) await services.part(name).untilReady(MINUTE_MS);
    const settled = await eventually(
      async () => {
        const body = await order(1);
        expect(body).toMatchObject({ status: 'FINISHED' });
        return body;
      },
      { timeoutMs: 40_000 },
    );
    expect(settled).toMatchObject({ amount: 1 });
  });

  test('go on when a standby takes the place of the relay', async () => {
    await services.add(relayPart(services.surroundings, 'orders', await freePort(), 'outbox-relay-orders-standby'));
    await services.part('outbox-relay-orders').stop();
    expect(await order(2)).toMatchObject({ status: 'FINISHED' });
  });
});

async function order(amount: number): Promise<unknown> {
  return post('/orders', { user_id: userId, amount, description: 'From a test' });
}

async function post(path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${services.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'wait=10' },
    body: JSON.stringify(body),
  });
  return response.json();
}
