import { setTimeout as sleep } from 'node:timers/promises';
import { ClientWithHistory, isFinal } from '@order-payments/local/test-kit/client-with-history.ts';
import type { Wish } from '@order-payments/local/test-kit/client-with-history.ts';
import type { Violation } from '@order-payments/local/test-kit/outside-checker.ts';
import { crowdOf, deedOf, POVERTY, RICHES, SPREE_MONEY } from './load-plan.ts';
import type { Crowd } from './load-plan.ts';

/** Enough to catch up after an outage in which every one of them waits for its time-out; few enough for two cores. */
const CLIENTS = 24;
const OPENING_CLIENTS = 16;

export interface LoadOptions {
  readonly url: string;
  readonly seed: number;
  /** How many orders are asked for, in how long, if the platform keeps up: later they are asked for all the same. */
  readonly orders: number;
  readonly windowMs: number;
  readonly signal: AbortSignal;
}

/** Clients that do what the plan says, each deed when it is due or as soon as one of them is free. */
export class Load {
  readonly client: ClientWithHistory;
  readonly crowd: Crowd;
  /** What no answer may ever say, seen while it runs. */
  readonly violations: Violation[] = [];
  /** Who had all their money before they ordered, and got no more. */
  readonly spenders: string[] = [];
  readonly #options: LoadOptions;
  #deeds = 0;
  #orders = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.client = new ClientWithHistory(options.url);
    this.crowd = crowdOf(options.seed);
  }

  /** Orders that were asked for. */
  get orders(): number {
    return this.#orders;
  }

  async openAccounts(): Promise<void> {
    const { hot, poor, rich } = this.crowd;
    const next = [...hot, ...poor, ...rich].values();
    await this.#inParallel(OPENING_CLIENTS, async () => {
      for (const userId of next) {
        await this.client.openAccount(userId);
        await this.client.topUp(userId, poor.includes(userId) ? POVERTY : RICHES);
      }
    });
  }

  /** Resolves when all orders of the plan are asked for, or at the deadline. */
  async run(deadline: number): Promise<void> {
    const startedAt = Date.now();
    const { orders, windowMs, signal } = this.#options;
    const isOver = (): boolean => this.#orders >= orders || signal.aborted || Date.now() > deadline;
    await this.#inParallel(CLIENTS, async () => {
      while (!isOver()) {
        const dueAt = startedAt + (this.#orders / orders) * windowMs;
        if (dueAt > Date.now()) await sleep(dueAt - Date.now());
        if (!isOver()) await this.#doNext();
      }
    });
  }

  /** Asks again for whatever never got a final answer: now that nothing is in the way, each key resolves. */
  async resolveAll(): Promise<void> {
    const open = this.client.history.filter(({ answers }) => !answers.some(isFinal)).values();
    await this.#inParallel(CLIENTS, async () => {
      for (const wish of open) await this.#toTheEnd(() => this.client.repeat(wish));
    });
  }

  async #doNext(): Promise<void> {
    const deed = deedOf(this.#options.seed, this.crowd, (this.#deeds += 1) - 1);
    if (deed.kind === 'spree') await this.#toTheEnd(() => this.#spend(deed.userId, deed.amounts));
    else if (deed.kind === 'order') {
      this.#orders += 1;
      await this.#toTheEnd(() => this.client.order(deed));
    } else if (deed.kind === 'top-up') await this.#toTheEnd(() => this.client.topUp(deed.userId, deed.amount));
    else {
      const wish = this.client.history[Math.floor(deed.which * this.client.history.length)];
      if (wish === undefined || !wish.answers.some(isFinal)) return;
      if (deed.kind === 'repeat') await this.#toTheEnd(() => this.client.repeat(wish));
      else await this.#expectRefusal(wish);
    }
  }

  async #spend(userId: string, amounts: readonly number[]): Promise<void> {
    await this.client.openAccount(userId);
    await this.client.topUp(userId, SPREE_MONEY);
    this.spenders.push(userId);
    for (const amount of amounts) {
      this.#orders += 1;
      await this.client.order({ userId, amount, description: 'spree' });
    }
  }

  async #expectRefusal(wish: Wish): Promise<void> {
    const answer = await this.client.attemptAnother(wish, wish.amount + 1);
    // Where the first wish was refused, its key is free; where it was done, this body is another one.
    if (isFinal(answer) && answer.status !== 422)
      this.violations.push({
        invariant: 'I7',
        what: `${wish.kind} with key ${wish.key} was answered ${String(answer.status)} to another body`,
      });
  }

  /** A wish that got no answer for a minute is asked for again at the end; until then nobody knows. */
  async #toTheEnd(attempt: () => Promise<unknown>): Promise<void> {
    await attempt().catch(() => undefined);
  }

  async #inParallel(clients: number, work: () => Promise<void>): Promise<void> {
    await Promise.all(Array.from({ length: clients }, work));
  }
}
