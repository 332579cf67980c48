import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { startServices, type TestServices } from '../../../local/src/test-kit/start-services.ts';
import { createClient, readAll, type Client } from './client.ts';

let services: TestServices;
let client: Client;
beforeAll(async () => {
  services = await startServices();
  client = createClient(services.url);
}, 120_000);
afterAll(async () => {
  await services.stop();
});

async function openAccount(): Promise<string> {
  const userId = randomUUID();
  expect((await client.createAccount(userId)).status).toBe(201);
  return userId;
}

describe('an account', () => {
  test('is opened once, with balance 0, and read where Location says', async () => {
    const userId = randomUUID();
    expect(await client.getAccount(userId)).toMatchObject({ status: 404, body: { code: 'ACCOUNT_NOT_FOUND' } });
    const opened = await client.createAccount(userId.toUpperCase());
    expect(opened).toMatchObject({ status: 201, body: { user_id: userId, balance: 0 } });
    expect(opened.headers.get('location')).toBe(`/accounts/${userId}`);
    expect(await client.createAccount(userId)).toMatchObject({ status: 409, body: { code: 'ACCOUNT_ALREADY_EXISTS' } });
    expect((await client.getAccount(userId)).body).toEqual(opened.body);
  });

  test('is opened once by twenty at the same time', async () => {
    const userId = randomUUID();
    const answers = await Promise.all(Array.from({ length: 20 }, async () => client.createAccount(userId)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(19).fill(409)]);
  });
});

describe('a top-up', () => {
  test('adds to the balance and tells it', async () => {
    const userId = await openAccount();
    expect((await client.topUp(userId, 1000)).body).toMatchObject({
      type: 'CREDIT',
      amount: 1000,
      order_id: null,
      balance_after: 1000,
    });
    expect((await client.topUp(userId, 1000)).body['balance_after']).toBe(2000);
    expect((await client.getAccount(userId)).body['balance']).toBe(2000);
  });

  test('with a key is done once; the same key with another amount is refused', async () => {
    const userId = await openAccount();
    const first = await client.topUp(userId, 500, 'key 1');
    expect(first.status).toBe(201);
    expect(await client.topUp(userId, 500, 'key 1')).toMatchObject({ status: 201, body: first.body });
    expect(await client.topUp(userId, 501, 'key 1')).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    });
    expect((await client.getAccount(userId)).body['balance']).toBe(500);
  });

  test('with a key is done once by thirty at the same time', async () => {
    const userId = await openAccount();
    const answers = await Promise.all(Array.from({ length: 30 }, async () => client.topUp(userId, 7, 'storm')));
    expect(new Set(answers.map(({ body }) => body['id'])).size).toBe(1);
    expect((await client.getAccount(userId)).body['balance']).toBe(7);
  });

  test('of an unknown account is refused and uses up no key', async () => {
    const userId = randomUUID();
    expect(await client.topUp(userId, 5, 'early')).toMatchObject({ status: 404, body: { code: 'ACCOUNT_NOT_FOUND' } });
    await client.createAccount(userId);
    expect(await client.topUp(userId, 6, 'early')).toMatchObject({ status: 201, body: { balance_after: 6 } });
  });

  test('fills the balance up to 2^53 - 1 and not beyond', async () => {
    const userId = await openAccount();
    expect((await client.topUp(userId, Number.MAX_SAFE_INTEGER)).body['balance_after']).toBe(Number.MAX_SAFE_INTEGER);
    expect(await client.topUp(userId, 1)).toMatchObject({ status: 422, body: { code: 'BALANCE_LIMIT_EXCEEDED' } });
    expect((await client.getAccount(userId)).body['balance']).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe('a statement', () => {
  test('has each transaction once, newest first, page by page', async () => {
    const userId = await openAccount();
    for (const amount of [1, 2, 3, 4, 5, 6, 7]) await client.topUp(userId, amount);
    const { entries, sizes } = await readAll('transactions', async (cursor) =>
      client.listTransactions(userId, `?limit=3${cursor}`),
    );
    expect(entries.map(({ amount }) => amount)).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect(entries.map((entry) => entry['balance_after'])).toEqual([28, 21, 15, 10, 6, 3, 1]);
    expect(sizes.slice(0, 2)).toEqual([3, 3]);
  });

  test("refuses another list's cursor, and a forged one; is not there for an unknown account", async () => {
    const [one, other] = [await openAccount(), await openAccount()];
    for (const amount of [1, 2]) await client.topUp(one, amount);
    const { body } = await client.listTransactions(one, '?limit=1');
    for (const [userId, cursor] of [
      [other, String(body['next_cursor'])],
      [one, 'AAAA'],
    ] as const)
      expect(await client.listTransactions(userId, `?cursor=${cursor}`)).toMatchObject({
        status: 400,
        body: { code: 'INVALID_CURSOR' },
      });
    expect((await client.listTransactions(randomUUID())).status).toBe(404);
  });
});
