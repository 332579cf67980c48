import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from './eventually.ts';

/** One answer to one attempt; status undefined: none came, so nobody knows what was done. */
export interface Answer {
  readonly status: number | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What a client asked for under one Idempotency-Key, and everything it was ever told about it. */
export interface Wish {
  readonly kind: 'order' | 'top-up';
  readonly key: string;
  readonly userId: string;
  readonly amount: number;
  readonly description: string;
  /** How long it waits for the order to settle, in seconds. */
  readonly waits?: number;
  readonly answers: Answer[];
}

const ATTEMPT_TIMEOUT_MS = 15_000;
const PATIENCE_MS = 60_000;
const PAUSE_MS = 100;

/** A client of the REST interface that repeats what got no answer under the same key, and forgets nothing. */
export class ClientWithHistory {
  readonly history: Wish[] = [];
  readonly #url: string;
  readonly #patienceMs: number;

  constructor(url: string, patienceMs = PATIENCE_MS) {
    this.#url = url;
    this.#patienceMs = patienceMs;
  }

  /** The call has no key; but nobody else opens this one, so a conflict tells of an earlier attempt without an answer. */
  async openAccount(userId: string): Promise<void> {
    const attempt = async (): Promise<void> => {
      const { status } = await this.#send('/accounts', { user_id: userId }, {});
      if (status !== 201 && status !== 409) throw new Error(`An account was answered with ${status}.`);
    };
    await eventually(attempt, { timeoutMs: this.#patienceMs });
  }

  async order(order: { userId: string; amount: number; description: string; waits?: number }): Promise<Answer> {
    return this.repeat(this.#remember({ ...order, kind: 'order' }));
  }

  async topUp(userId: string, amount: number): Promise<Answer> {
    return this.repeat(this.#remember({ kind: 'top-up', userId, amount, description: '' }));
  }

  /** Sends the wish, again after one with an answer or for the first time, until an answer is final. */
  async repeat(wish: Wish): Promise<Answer> {
    const deadline = Date.now() + this.#patienceMs;
    for (;;) {
      const answer = await this.#attempt(wish);
      wish.answers.push(answer);
      if (isFinal(answer)) return answer;
      if (Date.now() > deadline) throw new Error(`Key ${wish.key} got no final answer: ${JSON.stringify(answer)}`);
      await sleep(PAUSE_MS);
    }
  }

  /** The wish's key with another body. It must be refused, so it is not part of what the wish was answered. */
  async attemptAnother(wish: Wish, amount: number): Promise<Answer> {
    return this.#attempt({ ...wish, amount });
  }

  #remember(wish: Omit<Wish, 'key' | 'answers'>): Wish {
    const remembered = { ...wish, key: randomUUID(), answers: [] };
    this.history.push(remembered);
    return remembered;
  }

  async #attempt({ kind, key, userId, amount, description, waits }: Wish): Promise<Answer> {
    const headers = { 'idempotency-key': key, ...(waits === undefined ? {} : { prefer: `wait=${waits}` }) };
    return kind === 'order'
      ? this.#send('/orders', { user_id: userId, amount, description }, headers)
      : this.#send(`/accounts/${userId}/top-ups`, { amount }, headers);
  }

  async #send(path: string, body: object, headers: Record<string, string>): Promise<Answer> {
    try {
      const response = await fetch(`${this.#url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    } catch (error) {
      // Whatever broke, the connection or the answer half way: the client was not told.
      return { status: undefined, body: { error: String(error) } };
    }
  }
}

/** 2xx is done and 4xx is not; a server in trouble, a conflict in flight and silence are no answers. */
export function isFinal({ status }: Answer): boolean {
  return status !== undefined && status < 500 && status !== 409;
}
