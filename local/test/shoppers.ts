import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientWithHistory } from '../src/test-kit/client-with-history.ts';

/** More than the topic has partitions, so that records come into each. */
const USERS = 36;
const CLIENTS = 8;
const PAUSE_MS = 30;
/** More than all small orders of a run together, so a client knows what must become of each of its orders. */
const BALANCE = 100_000_000;
const TOO_MUCH = 10 ** 12;

/** Clients that place orders and top up, one request after another, as long as they are told to. */
export class Shoppers {
  readonly client: ClientWithHistory;
  readonly users: readonly string[];
  #requests = 0;
  #resting = true;
  #loops: Array<Promise<void>> = [];

  private constructor(url: string, patienceMs?: number) {
    this.client = new ClientWithHistory(url, patienceMs);
    this.users = Array.from({ length: USERS }, () => randomUUID());
  }

  static async open(url: string, patienceMs?: number): Promise<Shoppers> {
    const shoppers = new Shoppers(url, patienceMs);
    for (const userId of shoppers.users) {
      await shoppers.client.openAccount(userId);
      await shoppers.client.topUp(userId, BALANCE);
    }
    return shoppers;
  }

  begin(): void {
    this.#resting = false;
    this.#loops = Array.from({ length: CLIENTS }, () => this.#shop());
    // Whoever rests gets the rejection; until then it is not an unhandled one.
    for (const loop of this.#loops) loop.catch(() => undefined);
  }

  /** Resolves when every request has its answer, however often it had to be repeated. */
  async rest(): Promise<void> {
    this.#resting = true;
    await Promise.all(this.#loops.splice(0));
  }

  /** Requests that were not answered the first time. */
  interrupted(): number {
    return this.client.history.filter(({ answers }) => answers.some(({ status }) => status !== 201)).length;
  }

  /** What each account must have, by what this client asked for alone: small orders are paid and large ones are not. */
  balances(): Map<string, number> {
    const balances = new Map(this.users.map((userId) => [userId, 0]));
    for (const { kind, userId, amount } of this.client.history) {
      const balance = balances.get(userId) ?? 0;
      if (kind === 'top-up') balances.set(userId, balance + amount);
      else if (amount < TOO_MUCH) balances.set(userId, balance - amount);
    }
    return balances;
  }

  async #shop(): Promise<void> {
    while (!this.#resting) {
      const n = (this.#requests += 1);
      const userId = this.users[n % USERS] ?? '';
      if (n % 5 === 0) await this.client.topUp(userId, 1 + (n % 7));
      else {
        const amount = n % 23 === 0 ? TOO_MUCH : 1 + ((n * 37) % 101);
        await this.client.order({ userId, amount, description: `order ${n}` });
      }
      await sleep(PAUSE_MS);
    }
  }
}
