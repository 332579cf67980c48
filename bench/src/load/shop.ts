import { randomUUID } from 'node:crypto';
import { build, type Histogram } from 'hdr-histogram-js';
import { Pool } from 'undici';
import { anyAmount, anyUser, DESCRIPTION } from '../fill.ts';
import { HANG_MS } from '../progress.ts';

/** What became of the requests of a run. Latencies in microseconds. */
export interface Sales {
  /** The keys of the orders that were answered 201, and of those that were not. */
  readonly accepted: readonly string[];
  readonly doubtful: readonly string[];
  /** Answers other than 201 by status, and 'error' where there was none. */
  readonly refused: Readonly<Record<string, number>>;
  /** Requests whose time came while as many as the client can hold were under way: a real client would have been kept waiting. */
  readonly unsent: number;
  readonly seconds: number;
  readonly latencies: Histogram;
}

export function newHistogram(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: 120_000_000, numberOfSignificantValueDigits: 3 });
}

export interface Shop {
  /** So many clients, each of which sends the next order when the last one was answered. */
  closedLoop(clients: number, seconds: number): Promise<Sales>;
  /**
   * So many orders a second, whatever becomes of those before. A latency begins when the order was due, not when it was sent,
   * so that a server that stalls is charged for all who waited.
   */
  openLoop(perSecond: number, seconds: number): Promise<Sales>;
  close(): Promise<void>;
}

const HELD_MAX = 2_000;
const TICK_MS = 1;

export function openShop(url: string, users: number): Shop {
  const pool = new Pool(url, {
    connections: HELD_MAX,
    pipelining: 1,
    connect: { timeout: HANG_MS },
    headersTimeout: HANG_MS,
    bodyTimeout: HANG_MS,
  });
  const begin = () => {
    const tally = {
      accepted: [] as string[],
      doubtful: [] as string[],
      refused: {} as Record<string, number>,
      unsent: 0,
      latencies: newHistogram(),
    };
    const buy = async (dueMs: number): Promise<void> => {
      const key = randomUUID();
      const status = await order(pool, key, users);
      tally.latencies.recordValue(Math.max(1, Math.round((performance.now() - dueMs) * 1_000)));
      (status === '201' ? tally.accepted : tally.doubtful).push(key);
      if (status !== '201') tally.refused[status] = (tally.refused[status] ?? 0) + 1;
    };
    return { tally, buy };
  };
  return {
    async closedLoop(clients, seconds) {
      const { tally, buy } = begin();
      const startedMs = performance.now();
      const endMs = startedMs + seconds * 1_000;
      const shopper = async (): Promise<void> => {
        while (performance.now() < endMs) await buy(performance.now());
      };
      await Promise.all(Array.from({ length: clients }, shopper));
      return { ...tally, seconds: (performance.now() - startedMs) / 1_000 };
    },
    async openLoop(perSecond, seconds) {
      const { tally, buy } = begin();
      const under = new Set<Promise<void>>();
      const startedMs = performance.now();
      const total = Math.round(perSecond * seconds);
      for (let sent = 0; sent < total;) {
        const dueMs = startedMs + (sent / perSecond) * 1_000;
        if (dueMs > performance.now()) {
          await new Promise((resolve) => setTimeout(resolve, TICK_MS));
          continue;
        }
        sent += 1;
        if (under.size >= HELD_MAX) {
          tally.unsent += 1;
          // Answers have to be read, too.
          if (sent % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
          continue;
        }
        const buying = buy(dueMs).finally(() => under.delete(buying));
        under.add(buying);
      }
      await Promise.all(under);
      return { ...tally, seconds };
    },
    close: async () => await pool.destroy(),
  };
}

/** The status of one order's answer. */
async function order(pool: Pool, key: string, users: number): Promise<string> {
  try {
    const { statusCode, body } = await pool.request({
      path: '/orders',
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ user_id: anyUser(users), amount: anyAmount(), description: DESCRIPTION }),
    });
    await body.dump();
    return String(statusCode);
  } catch {
    return 'error';
  }
}
