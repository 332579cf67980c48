// What all peers of P8 do alike: the orders that are created, the statement that pays one, and the count of what is done.
// Plain JavaScript that imports nothing of the platform; each peer brings its own `pg`.
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';

export const settings = {
  databaseUrl: process.env.DATABASE_URL ?? '',
  orders: Number(process.env.ORDERS ?? 10_000),
  users: Number(process.env.USERS ?? 10_000),
  /** Calls under way at a time, each with a session of its own. */
  callers: Number(process.env.CALLERS ?? 32),
  workers: Number(process.env.WORKERS ?? 1),
  /** Of orders that are not timed: code is compiled then, connections are opened, plans are made. */
  warmUpSeconds: Number(process.env.WARM_UP_SECONDS ?? 4),
};

/** An order's row, in one statement with whatever the peer appends; nothing where the key is known. */
export const insertOrder = `
  insert into orders (id, user_id, amount, description, idempotency_key, created_at)
  values ($1, $2, $3, 'an order of the benchmark', $4, now())
  on conflict do nothing
  returning id, user_id, amount`;

export function newOrder() {
  const user = 1 + Math.floor(Math.random() * settings.users);
  return [
    randomUUID(),
    `00000000-0000-4000-8000-${user.toString(16).padStart(12, '0')}`,
    1 + Math.floor(Math.random() * 100),
    randomUUID(),
  ];
}

/**
 * Pays one order in one statement, the fastest way there is for one: account locked, decision for ever, balance, debit,
 * order settled. Told again it changes nothing. All of it is one service on one database: none of these peers has the second.
 */
export const payOrder = {
  name: 'pay-order',
  text: `
    with account as (
      select id, balance, version from accounts where user_id = $2 for no key update
    ), payment as (
      insert into payments (order_id, user_id, amount, status, reason, created_at)
      select $1::uuid, $2::uuid, $3::bigint, case when balance >= $3::bigint then 'SUCCEEDED' else 'FAILED' end,
        case when balance < $3::bigint then 'INSUFFICIENT_FUNDS' end, now()
      from account
      on conflict do nothing
      returning status, reason
    ), debit as (
      insert into transactions (id, account_id, account_version, type, amount, reference_order_id, balance_after, created_at)
      select gen_random_uuid(), id, version + 1, 'DEBIT', $3::bigint, $1::uuid, balance - $3::bigint, now()
      from account, payment where status = 'SUCCEEDED'
    ), paid as (
      update accounts set balance = accounts.balance - $3::bigint, version = accounts.version + 1, updated_at = now()
      from account, payment where accounts.id = account.id and status = 'SUCCEEDED'
    )
    update orders set status = case payment.status when 'SUCCEEDED' then 'FINISHED' else 'CANCELED' end,
      cancel_reason = payment.reason, settled_at = now()
    from payment
    where orders.id = $1::uuid and orders.status = 'NEW'`,
};

/** In a worker: says how many orders were settled, some times a second. */
export function createReporter() {
  let done = 0;
  setInterval(() => {
    if (done === 0) return;
    process.send?.({ done });
    done = 0;
  }, 20);
  return (rows) => (done += rows);
}

/**
 * Forks the workers, warms up, creates all orders, and waits until all are settled. Each hundredth is told twice. Prints one line
 * of JSON: orders settled a second, from the first call to the last settlement, orders created a second, and how many orders
 * there are, those of the warm-up included.
 */
export async function run({ worker, create }) {
  let done = 0;
  const children = [];
  // One after another: the first makes the tables, and two that make them at a time fail.
  while (children.length < settings.workers) {
    const child = fork(worker, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    children.push(child);
    child.on('exit', (code) => code && process.exit(1));
    child.on('message', (said) => (done += said.done ?? 0));
    await new Promise((resolve) => child.on('message', (said) => said.ready && resolve()));
  }
  let begun = 0;
  const createWhile = async (isWanted) => {
    const call = async () => {
      while (isWanted()) {
        begun += 1;
        await create(newOrder(), begun % 100 === 0);
      }
    };
    await Promise.all(Array.from({ length: settings.callers }, call));
  };
  const untilSettled = async () => {
    while (done < begun) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const warmUntilMs = performance.now() + settings.warmUpSeconds * 1_000;
  await createWhile(() => performance.now() < warmUntilMs);
  await untilSettled();
  const last = begun + settings.orders;
  const startedMs = performance.now();
  await createWhile(() => begun < last);
  const createdMs = performance.now();
  await untilSettled();
  const perSecond = (ms) => (settings.orders / ms) * 1_000;
  process.stdout.write(
    `${JSON.stringify({
      perSecond: perSecond(performance.now() - startedMs),
      createdPerSecond: perSecond(createdMs - startedMs),
      orders: begun,
    })}\n`,
  );
  for (const child of children) child.kill();
  process.exit(0);
}
