import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientWithHistory } from '@order-payments/local/test-kit/client-with-history.ts';
import type { Violation } from '@order-payments/local/test-kit/outside-checker.ts';

const READERS = 2;
const PAUSE_MS = 40;
const TIMEOUT_MS = 10_000;

/** What was seen of an order that was settled already. */
export interface Seen {
  readonly status: string;
  readonly reason: string | null;
}

/** Looks at accounts and orders all the time: I1 (a balance is never below 0) and I3 (what is settled stays so), while it runs. */
export class Reader {
  readonly violations: Violation[] = [];
  readonly settled = new Map<string, Seen>();
  reads = 0;
  readonly #url: string;
  readonly #client: ClientWithHistory;
  readonly #accounts: readonly string[];

  constructor(url: string, client: ClientWithHistory, accounts: readonly string[]) {
    this.#url = url;
    this.#client = client;
    this.#accounts = accounts;
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(
      Array.from({ length: READERS }, async () => {
        while (!signal.aborted) {
          await this.#readAccount();
          await this.#readOrder();
          await sleep(PAUSE_MS);
        }
      }),
    );
  }

  async #readAccount(): Promise<void> {
    const userId = pick(this.#accounts);
    if (userId === undefined) return;
    const account = await this.#get(`/accounts/${userId}`, `account of ${userId}`);
    if (account === undefined) return;
    const { balance } = account;
    if (typeof balance !== 'number' || balance < 0)
      this.#violated('I1', `account of ${userId} was read with ${String(balance)}`);
  }

  async #readOrder(): Promise<void> {
    const wish = pick(this.#client.history);
    const answer = wish?.answers.find(({ status }) => status === 201);
    if (wish?.kind !== 'order' || answer === undefined) return;
    const id = String(answer.body['id']);
    const order = await this.#get(`/orders/${id}`, `order ${id}`);
    if (order === undefined) return;
    const now: Seen = { status: String(order['status']), reason: (order['cancel_reason'] ?? null) as string | null };
    const before = this.settled.get(id);
    if (before !== undefined && (before.status !== now.status || before.reason !== now.reason))
      this.#violated('I3', `order ${id} was read ${before.status} and then ${now.status}`);
    if (now.status !== 'NEW') this.settled.set(id, now);
  }

  /** What is there, or undefined where nobody answered. What was acknowledged and is not found is lost. */
  async #get(path: string, what: string): Promise<Record<string, unknown> | undefined> {
    try {
      const response = await fetch(`${this.#url}${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      const { status } = response;
      if (![200, 503, 504].includes(status))
        this.#violated(status === 404 ? 'I5' : 'I7', `${what} was read with the answer ${status}`);
      const body = (await response.json()) as Record<string, unknown>;
      this.reads += 1;
      return status === 200 ? body : undefined;
    } catch {
      return undefined;
    }
  }

  #violated(invariant: Violation['invariant'], what: string): void {
    this.violations.push({ invariant, what });
  }
}

/** Which is read does not matter for repeating a run, so this is not seeded. */
function pick<T>(items: readonly T[]): T | undefined {
  return items[Math.floor(Math.random() * items.length)];
}
