import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseCommandLine, type Command } from '../command-line.ts';
import { CannotRunError, UsageError } from '../problem.ts';
import { printable } from '../output/printable.ts';

const help = `npm run ops -- smoke [--url URL]

Goes the whole way once, through the gateway: a new account with 1,000, an order of 600 that has to finish, another that has
to be canceled for insufficient funds, and a balance of 400. \`helm test\` runs it. The account and the orders stay.

  --url  the gateway (default http://127.0.0.1:8080)

Exit code: 0 all went as it should, 1 something did not, 2 the gateway could not be reached.`;

const answerTimeoutMs = 15_000;
// Longer than the sweeper takes to look after an order whose event got stuck.
const settleTimeoutMs = 60_000;
const pauseMs = 300;

export const smokeCommand: Command = {
  summary: 'places two orders through the gateway and checks what becomes of them',
  help,
  async run(args, { terminal }) {
    const { values } = parseCommandLine(args, { url: { type: 'string', default: 'http://127.0.0.1:8080' } });
    if (!URL.canParse(values.url)) throw new UsageError(`--url must be a URL, not "${printable(values.url)}".`);
    const wrong: string[] = [];
    const expect = (what: string, seen: unknown, due: unknown): void => {
      if (seen === due) terminal.out(`${what}: ${String(seen)}`);
      else wrong.push(`${what}: ${printable(String(seen))} instead of ${String(due)}`);
    };
    const userId = randomUUID();
    const account = await call(values.url, '/accounts', { user_id: userId });
    expect('a new account is answered with', account.status, 201);
    const topUp = await call(values.url, `/accounts/${userId}/top-ups`, { amount: 1000 });
    expect('a top-up of 1000 is answered with', topUp.status, 201);
    const paid = await placeOrder(values.url, userId);
    expect('an order of 600 becomes', paid['status'], 'FINISHED');
    const unpaid = await placeOrder(values.url, userId);
    expect('another becomes', unpaid['status'], 'CANCELED');
    expect('because of', unpaid['cancel_reason'], 'INSUFFICIENT_FUNDS');
    const { body } = await call(values.url, `/accounts/${userId}`);
    expect('the balance is', body['balance'], 400);
    for (const sentence of wrong) terminal.err(`${sentence}\n`);
    return wrong.length === 0 ? 0 : 1;
  },
};

/** The order as it is when it has settled, or when it had time enough. */
async function placeOrder(url: string, userId: string): Promise<Record<string, unknown>> {
  const order = { user_id: userId, amount: 600, description: 'smoke test' };
  const placed = await call(url, '/orders', order, { prefer: 'wait=10' });
  const deadline = Date.now() + settleTimeoutMs;
  let { body } = placed;
  while (placed.status === 201 && body['status'] === 'NEW' && Date.now() < deadline) {
    await sleep(pauseMs);
    ({ body } = await call(url, `/orders/${String(placed.body['id'])}`));
  }
  return body;
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function call(
  url: string,
  path: string,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  try {
    const response = await fetch(new URL(path, url), {
      signal: AbortSignal.timeout(answerTimeoutMs),
      ...(body && {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID(), ...headers },
        body: JSON.stringify(body),
      }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  } catch (error) {
    const { message, cause } = error as Error & { cause?: unknown };
    const why = cause instanceof Error ? cause.message : message;
    throw new CannotRunError(`The gateway at ${url} did not answer ${path} (${why}).`, { cause: error });
  }
}
