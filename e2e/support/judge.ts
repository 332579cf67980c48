import { expect } from '@jest/globals';
import { isFinal, type Wish } from '@order-payments/local/test-kit/client-with-history.ts';
import { checkFromOutside } from '@order-payments/local/test-kit/outside-checker.ts';
import pg from 'pg';
import { eventually, forward, helm, read, release } from './commands.ts';
import { checkTopicsInCluster } from './topics.ts';

/** RELIABILITY's I4: after the last fault heals, each order is settled within this time. */
const settledLimitMs = 60_000;

/**
 * What the platform owes the clients of a load: each order is settled, each answer was the truth, the money of both databases
 * agrees, and the topics tell of it, by the checker that shares no code with the platform. Reads the databases as the operator's
 * roles.
 */
export async function expectAllRight(
  history: readonly Wish[],
  allowed: 'no failure' | 'failures while away',
): Promise<void> {
  const answers = history.flatMap((wish) => wish.answers);
  const failures = answers.filter(({ status }) => status !== 201);
  process.stderr.write(`load: ${history.length} requests, ${failures.length} answers that were not 201\n`);
  if (allowed === 'no failure') expect(failures).toEqual([]);
  // Anything else than "not now" to a good request would be a lie or a defect. 408: a machine too busy to send it in time.
  else expect(failures.filter(({ status }) => ![408, 503, 504, undefined].includes(status))).toEqual([]);
  expect(history.filter((wish) => !wish.answers.some(isFinal))).toEqual([]);

  const orders = await connect('orders');
  const payments = await connect('payments');
  try {
    await eventually(settledLimitMs, async () => {
      const { rows } = await orders.client.query(`select id from orders where status = 'NEW' limit 5`);
      if (rows.length > 0) throw new Error(`Not settled: ${JSON.stringify(rows)}`);
    });
    const both = { orders: orders.client, payments: payments.client };
    expect(await checkFromOutside(both, history, { others: true })).toEqual([]);
    // An order that is settled may still have an event on its way: the sweeper asks, and does not wait for it.
    await eventually(settledLimitMs, async () => expect(await checkTopicsInCluster(both)).toEqual([]));
  } finally {
    await Promise.all([orders.close(), payments.close()]);
  }
}

/** The operator's own judgement, inside the cluster: `helm test` places orders and reconciles all the money there is. */
export async function expectReconciled(): Promise<void> {
  const output = await helm(['test', release, '--timeout', '120s'], { timeoutMs: 150_000 });
  expect(output).toMatch(/Phase:\s+Succeeded/);
}

async function connect(database: string): Promise<{ client: pg.Client; close: () => Promise<void> }> {
  const { data } = await read<{ data: { uri: string } }>(['get', 'secret', `${release}-${database}-db-ops`]);
  const { username, password, pathname } = new URL(Buffer.from(data.uri, 'base64').toString());
  const { url, close } = await forward(`service/${release}-${database}-db-rw`, 5432);
  const client = new pg.Client({
    host: '127.0.0.1',
    port: Number(new URL(url).port),
    user: username,
    password,
    database: pathname.slice(1),
    // The server takes nothing unencrypted, and its name is not that of this end of the tunnel.
    ssl: { rejectUnauthorized: false },
  });
  client.on('error', () => undefined);
  await client.connect();
  return {
    client,
    close: async () => {
      await client.end();
      close();
    },
  };
}
