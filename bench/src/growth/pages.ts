import { encodeCursor } from '@order-payments/kernel/cursor.ts';
import { parseUserId } from '@order-payments/kernel/ids.ts';
import type pg from 'pg';
import { listOrders } from '../../../services/orders/src/commands/list-orders.ts';
import { listTransactions } from '../../../services/payments/src/commands/list-transactions.ts';
import { userId } from '../data.ts';
import { HOT_USER } from './seed.ts';
import type { Services } from './services.ts';

const CALLS = 400;
const WARM_UP_CALLS = 100;
const PAGE_SIZE = 50;
const QUIET_USER = userId(2);

/** Milliseconds of a page at the median and at the 99th of a hundred. */
export interface PageTimes {
  readonly p50: number;
  readonly p99: number;
}

/** A list's page at the top of a short history, of a long one, and half-way down the long one, so many rows below its top. */
export interface ListTimes {
  readonly list: string;
  readonly short: PageTimes;
  readonly long: PageTimes;
  readonly deep: PageTimes;
  readonly depth: number;
}

/** A user's orders and an account's statement. Each page is read again and again, in turns, so that all are equally warm. */
export async function timePages(
  services: Services,
  clients: { orders: pg.Client; payments: pg.Client },
): Promise<ListTimes[]> {
  const orders = async (user: string, cursor?: string): Promise<unknown> =>
    await listOrders(services.orders, {
      userId: parseUserId(user),
      status: undefined,
      pageSize: PAGE_SIZE,
      cursor,
    });
  const statement = async (user: string, cursor?: string): Promise<unknown> =>
    await listTransactions(services.payments, { userId: parseUserId(user), pageSize: PAGE_SIZE, cursor });
  // As the lists make them; a cursor of another kind is refused.
  const order = await middleOf(clients.orders, 'select id as position from orders where user_id = $1 order by id desc');
  const transaction = await middleOf(
    clients.payments,
    `select account_version as position from transactions
     where account_id = (select id from accounts where user_id = $1) order by account_version desc`,
  );
  const orderCursor = encodeCursor(`orders of ${HOT_USER} `, order.position);
  const transactionCursor = encodeCursor(`transactions of ${HOT_USER}`, transaction.position);
  return [
    { list: 'orders', depth: order.depth, ...(await inTurns(orders, orderCursor)) },
    { list: 'statement', depth: transaction.depth, ...(await inTurns(statement, transactionCursor)) },
  ];
}

/** Of the hot user's rows. */
async function middleOf(client: pg.Client, rows: string): Promise<{ position: string; depth: number }> {
  const { rows: found } = await client.query<{ position: string; depth: string }>(
    `with history as (${rows}), middle as (select count(*) / 2 as depth from history)
     select position::text, depth from history, middle offset (select depth from middle) limit 1`,
    [HOT_USER],
  );
  if (found[0] === undefined) throw new Error('the hot user has no history');
  return { position: found[0].position, depth: Number(found[0].depth) };
}

async function inTurns(
  read: (user: string, cursor?: string) => Promise<unknown>,
  cursor: string,
): Promise<Pick<ListTimes, 'short' | 'long' | 'deep'>> {
  const pages = {
    short: () => read(QUIET_USER),
    long: () => read(HOT_USER),
    deep: () => read(HOT_USER, cursor),
  };
  const times = { short: [] as number[], long: [] as number[], deep: [] as number[] };
  const names = Object.keys(pages) as Array<keyof typeof pages>;
  for (let call = 0; call < WARM_UP_CALLS + CALLS; call += 1)
    for (const name of names) {
      const startedMs = performance.now();
      await pages[name]();
      if (call >= WARM_UP_CALLS) times[name].push(performance.now() - startedMs);
    }
  const of = (values: readonly number[]): PageTimes => ({ p50: quantile(values, 0.5), p99: quantile(values, 0.99) });
  return { short: of(times.short), long: of(times.long), deep: of(times.deep) };
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
