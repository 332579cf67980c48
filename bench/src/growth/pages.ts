import { parseUserId } from '@order-payments/kernel/ids.ts';
import { listOrders } from '../../../services/orders/src/commands/list-orders.ts';
import { listTransactions } from '../../../services/payments/src/commands/list-transactions.ts';
import { userId } from '../data.ts';
import { HOT_USER } from './seed.ts';
import type { Services } from './services.ts';

const CALLS = 400;
const PAGE_SIZE = 50;
const DEEP_PAGES = 200;

/** Milliseconds of a page at the median and at the 99th of a hundred. */
export interface PageTimes {
  readonly p50: number;
  readonly p99: number;
}

type ReadPage = (user: string, cursor: string | undefined) => Promise<string | undefined>;

/** A user's orders and an account's statement: a short history, a long one, and far down in a long one. */
export async function timePages(services: Services, users: number): Promise<Record<string, PageTimes>> {
  const orders: ReadPage = async (user, cursor) => {
    const request = { userId: parseUserId(user), status: undefined, pageSize: PAGE_SIZE, cursor };
    return (await listOrders(services.orders, request)).nextCursor;
  };
  const statement: ReadPage = async (user, cursor) => {
    const request = { userId: parseUserId(user), pageSize: PAGE_SIZE, cursor };
    return (await listTransactions(services.payments, request)).nextCursor;
  };
  const times: Record<string, PageTimes> = {};
  for (const [name, read] of Object.entries({ orders, statement })) {
    let user = 0;
    times[`${name}, short history`] = await timed(() => read(userId(2 + ((user += 7_919) % (users - 2))), undefined));
    times[`${name}, long history`] = await timed(() => read(HOT_USER, undefined));
    let cursor: string | undefined;
    for (let page = 0; page < DEEP_PAGES; page += 1) cursor = (await read(HOT_USER, cursor)) ?? cursor;
    times[`${name}, far down a long history`] = await timed(() => read(HOT_USER, cursor));
  }
  return times;
}

async function timed(call: () => Promise<unknown>): Promise<PageTimes> {
  for (let warmUp = 0; warmUp < 20; warmUp += 1) await call();
  const times: number[] = [];
  for (let index = 0; index < CALLS; index += 1) {
    const startedMs = performance.now();
    await call();
    times.push(performance.now() - startedMs);
  }
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
