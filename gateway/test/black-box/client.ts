import { expect } from '@jest/globals';
import { componentValidator } from '../../src/openapi/validation.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** A client of the REST interface that checks every answer against the schema that the document gives it. */
export function createClient(url: string) {
  const ask = async (method: string, path: string, schema: string, options: Options = {}): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...(options.body !== undefined && { 'Content-Type': 'application/json' }), ...options.headers },
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
    });
    const body = (await response.json()) as Record<string, unknown>;
    const validate = componentValidator(response.ok ? schema : 'Problem');
    validate(body);
    expect({ body, errors: validate.errors }).toEqual({ body, errors: null });
    return { status: response.status, headers: response.headers, body };
  };
  const key = (idempotencyKey: string | undefined): Record<string, string> =>
    idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey };
  return {
    createAccount: async (userId: string) => ask('POST', '/accounts', 'Account', { body: { user_id: userId } }),
    getAccount: async (userId: string) => ask('GET', `/accounts/${userId}`, 'Account'),
    topUp: async (userId: string, amount: number, idempotencyKey?: string) =>
      ask('POST', `/accounts/${userId}/top-ups`, 'Transaction', { body: { amount }, headers: key(idempotencyKey) }),
    listTransactions: async (userId: string, query = '') =>
      ask('GET', `/accounts/${userId}/transactions${query}`, 'TransactionPage'),
    createOrder: async (
      order: { user_id: string; amount: number; description?: string },
      options: { key?: string; prefer?: string } = {},
    ) =>
      ask('POST', '/orders', 'Order', {
        body: { description: 'Two books', ...order },
        headers: { ...key(options.key), ...(options.prefer !== undefined && { Prefer: options.prefer }) },
      }),
    getOrder: async (orderId: string) => ask('GET', `/orders/${orderId}`, 'Order'),
    listOrders: async (userId: string, query = '') => ask('GET', `/orders?user_id=${userId}${query}`, 'OrderPage'),
  };
}

const attemptsMax = 30;

/** What a client does that got 408 (a busy gateway read it too late), 503, 504 or no answer at all: the same request with the same key again, until it is answered. */
export async function untilAnswered(ask: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    const answer = await ask().catch((error: unknown) => {
      // fetch's word for a connection that broke.
      if (error instanceof Error && error.message === 'fetch failed') return undefined;
      throw error;
    });
    if (answer !== undefined && ![408, 503, 504].includes(answer.status)) return answer;
    if (attempt === attemptsMax) throw new Error(`no answer after ${attempt} attempts`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

interface Options {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export type Client = ReturnType<typeof createClient>;

/** Every entry of a list, page by page, and the sizes of the pages. */
export async function readAll(
  list: string,
  page: (cursor: string) => Promise<Answer>,
): Promise<{ entries: Array<Record<string, unknown>>; sizes: number[] }> {
  const entries: Array<Record<string, unknown>> = [];
  const sizes: number[] = [];
  let cursor = '';
  do {
    const { status, body } = await page(cursor);
    expect(status).toBe(200);
    const found = body[list] as Array<Record<string, unknown>>;
    entries.push(...found);
    sizes.push(found.length);
    cursor = typeof body['next_cursor'] === 'string' ? `&cursor=${body['next_cursor']}` : '';
  } while (cursor !== '' && sizes.length < 100);
  return { entries, sizes };
}
