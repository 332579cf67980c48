// Runs inside the cluster, as a pod of its own: places orders until /tmp/stop appears, waits until each has settled, and
// writes what it saw as one line of JSON. It stands on Node alone, so that it can be mounted from a ConfigMap.
import { existsSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const base = process.env.BASE_URL ?? '';
const workers = Number(process.env.WORKERS ?? 8);
const pauseMs = Number(process.env.PAUSE_MS ?? 40);
const users = Number(process.env.USERS ?? 20);
/** Each account begins with this; an order is of 1 to 9, so some run dry and their orders are canceled. */
const credit = 400;
const answerLimitMs = 15_000;
const finalAnswerLimitMs = 120_000;
const settledLimitMs = 60_000;

interface Order {
  readonly id: string;
  readonly user: string;
  readonly amount: number;
}

const failures = new Map<string, number>();
const taken: Order[] = [];
const unresolved: string[] = [];
let sent = 0;

async function call(path: string, init: RequestInit = {}): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${base}${path}`, { ...init, signal: AbortSignal.timeout(answerLimitMs) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Sends under one key until the answer is final; what is not answered 2xx at once counts as a failed request. */
async function post(path: string, body: object): Promise<Record<string, unknown> | undefined> {
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
    body: JSON.stringify(body),
  };
  const deadline = Date.now() + finalAnswerLimitMs;
  while (Date.now() < deadline) {
    let failure: string;
    try {
      const answer = await call(path, init);
      if (answer.status === 201) return answer.body;
      failure = `${answer.status} ${String(answer.body['code'])}`;
    } catch (error) {
      const { name, cause } = error as Error & { cause?: { code?: string } };
      failure = `${name} ${cause?.code ?? ''}`;
    }
    failures.set(failure, (failures.get(failure) ?? 0) + 1);
    await sleep(200);
  }
  unresolved.push(path);
  return undefined;
}

async function work(accounts: readonly string[]): Promise<void> {
  for (let turn = 0; !existsSync('/tmp/stop'); turn++) {
    const user = accounts[turn % accounts.length] ?? '';
    const amount = 1 + (turn % 9);
    sent++;
    const order = await post('/orders', { user_id: user, amount, description: 'under load' });
    if (order !== undefined) taken.push({ id: String(order['id']), user, amount });
    await sleep(pauseMs);
  }
}

/** Reads may fail while a pod is away; only the last answer counts. */
async function get(path: string): Promise<Record<string, unknown>> {
  for (let attempt = 0; ; attempt++) {
    try {
      const { status, body } = await call(path);
      if (status === 200) return body;
      if (attempt > 50) throw new Error(`${path} was answered with ${status}`);
    } catch (error) {
      if (attempt > 50) throw error;
    }
    await sleep(200);
  }
}

const accounts = Array.from({ length: users }, () => randomUUID());
for (const user of accounts) {
  await post('/accounts', { user_id: user });
  await post(`/accounts/${user}/top-ups`, { amount: credit });
}
failures.clear();
process.stdout.write('ready\n');
await Promise.all(
  Array.from({ length: workers }, (_, worker) => work(accounts.slice(worker % users).concat(accounts))),
);

const stoppedAtMs = Date.now();
const spent = new Map<string, number>();
const statuses = new Map<string, number>();
const unsettled: string[] = [];
for (const { id, user, amount } of taken) {
  let order = await get(`/orders/${id}`);
  while (order['status'] === 'NEW' && Date.now() < stoppedAtMs + settledLimitMs) {
    await sleep(200);
    order = await get(`/orders/${id}`);
  }
  const status = String(order['status']);
  statuses.set(status, (statuses.get(status) ?? 0) + 1);
  if (status === 'NEW') unsettled.push(id);
  if (status === 'FINISHED') spent.set(user, (spent.get(user) ?? 0) + amount);
}
const wrongBalances: string[] = [];
for (const user of accounts) {
  const { balance } = await get(`/accounts/${user}`);
  const due = credit - (spent.get(user) ?? 0);
  if (balance !== due) wrongBalances.push(`${user}: ${String(balance)} instead of ${due}`);
}
process.stdout.write(
  `${JSON.stringify({
    sent,
    taken: taken.length,
    distinct: new Set(taken.map(({ id }) => id)).size,
    failures: Object.fromEntries(failures),
    unresolved: unresolved.length,
    statuses: Object.fromEntries(statuses),
    unsettled: unsettled.length,
    wrongBalances,
  })}\n`,
);
