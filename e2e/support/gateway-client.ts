import { randomUUID } from 'node:crypto';
import { eventually, forward, read, release } from './commands.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export interface GatewayClient {
  readonly url: string;
  get(path: string): Promise<Answer>;
  post(path: string, body: object, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  close(): void;
}

const answerLimitMs = 20_000;

/** The gateway through a port-forward to its Service. */
export async function connectToGateway(): Promise<GatewayClient> {
  const { spec } = await read<{ spec: { ports: Array<{ port: number }> } }>(['get', 'service', `${release}-gateway`]);
  const { url, close } = await forward(`service/${release}-gateway`, spec.ports[0]?.port ?? 80);
  const send = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(answerLimitMs) });
    const body = (await response.json()) as Record<string, unknown>;
    return { status: response.status, headers: response.headers, body };
  };
  return {
    url,
    get: async (path) => await send(path, {}),
    post: async (path, body, headers = {}) =>
      await send(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
    close,
  };
}

// The gateway is Ready when one service can be reached, and finds the other within seconds of its start. A client repeats what
// was answered 503, and so does this one. (Once, before an attempt to connect had a limit, calls to Payments were answered 504
// for more than 20 s after a reinstall.)
const reachableLimitMs = 60_000;

/** What a path is answered with when the gateway reaches the service behind it. */
export async function read200(gateway: GatewayClient, path: string): Promise<Record<string, unknown>> {
  return await eventually(reachableLimitMs, async () => {
    const { status, body } = await gateway.get(path);
    if (status !== 200) throw new Error(`${path} was answered with ${status}.`);
    return body;
  });
}

export async function withGateway(work: (gateway: GatewayClient) => Promise<void>): Promise<void> {
  const gateway = await connectToGateway();
  try {
    await work(gateway);
  } finally {
    gateway.close();
  }
}

/** A user with that much on the account. */
export async function openAccount(gateway: GatewayClient, amount: number): Promise<string> {
  const user = randomUUID();
  await eventually(reachableLimitMs, async () => {
    const { status } = await gateway.post('/accounts', { user_id: user });
    // An attempt without an answer may have opened it.
    if (status !== 201 && status !== 409) throw new Error(`The account was answered with ${status}.`);
  });
  await eventually(reachableLimitMs, async () => {
    const { status } = await gateway.post(`/accounts/${user}/top-ups`, { amount }, { 'idempotency-key': 'first' });
    if (status !== 201) throw new Error(`The top-up was answered with ${status}.`);
  });
  return user;
}

/** Places an order and gives it as it is when it has settled. */
export async function settledOrder(
  gateway: GatewayClient,
  order: { user_id: string; amount: number },
  timeoutMs = 30_000,
): Promise<Record<string, unknown>> {
  const headers = { prefer: 'wait=10', 'idempotency-key': randomUUID() };
  const placed = await eventually(reachableLimitMs, async () => {
    const answer = await gateway.post('/orders', { ...order, description: 'e2e' }, headers);
    if (answer.status !== 201) throw new Error(`The order was answered with ${answer.status}.`);
    return answer;
  });
  return await eventually(timeoutMs, async () => {
    const { body } = await gateway.get(`/orders/${String(placed.body['id'])}`);
    if (body['status'] === 'NEW') throw new Error('The order is still NEW.');
    return body;
  });
}
