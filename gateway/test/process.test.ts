import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from '@jest/globals';
import { OrdersServiceService } from '@order-payments/contracts/generated/orders/v1/orders.ts';
import { openApiDocument } from '../src/openapi/document.ts';
import { startTestGateway, userId, validOrder, type TestGateway } from './gateway.ts';
import { rawRequest } from './raw-request.ts';

const started: Array<{ stop(): Promise<void> }> = [];
afterEach(async () => {
  for (const { stop } of started.splice(0).reverse()) await stop();
});

async function start(environment: Record<string, string> = {}): Promise<TestGateway> {
  const gateway = await startTestGateway(environment);
  started.push(gateway);
  return gateway;
}

/** Takes calls and never answers one, as a service does that hangs. */
async function startSilence(): Promise<string> {
  const server = new Server();
  const hang = (): void => undefined;
  server.addService(OrdersServiceService, { createOrder: hang, createOrders: hang, getOrder: hang, listOrders: hang });
  return await startGrpcServer(server);
}

/** Can be reached, and knows no call but those that it was given. */
async function startGrpcServer(server = new Server()): Promise<string> {
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  started.push({ stop: async () => server.forceShutdown() });
  return `dns:///127.0.0.1:${port}`;
}

const postOrder = async (gateway: TestGateway, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${gateway.url}/orders`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(validOrder),
  });

describe('services that fail', () => {
  test('out of reach: 503 with Retry-After, also with a key, which is repeated', async () => {
    const gateway = await start();
    for (const headers of [{}, { 'Idempotency-Key': 'k' }]) {
      const response = await postOrder(gateway, headers);
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    }
  });

  test('silent: 504 when the deadline is over', async () => {
    const silence = await startSilence();
    const gateway = await start({ ORDERS_GRPC_URL: silence, GRPC_TIMEOUT_MS: '300' });
    const startedMs = performance.now();
    const response = await postOrder(gateway);
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([504, 'DEADLINE_EXCEEDED']);
    expect(performance.now() - startedMs).toBeLessThan(4_500);
  });

  test('too many at once: 503 with Retry-After after a second, while probes are answered at once', async () => {
    const silence = await startSilence();
    const gateway = await start({ ORDERS_GRPC_URL: silence, GRPC_TIMEOUT_MS: '5000', HTTP_IN_FLIGHT_MAX: '3' });
    const held = Array.from({ length: 3 }, async () => postOrder(gateway));
    await new Promise((resolve) => setTimeout(resolve, 200));
    const startedMs = performance.now();
    const refused = await postOrder(gateway);
    // Not before there might have been room, and not only when those in hand are done.
    expect(performance.now() - startedMs).toBeGreaterThan(950);
    expect(performance.now() - startedMs).toBeLessThan(4_000);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(((await refused.json()) as { code: string }).code).toBe('OVERLOADED');
    expect((await fetch(`${gateway.url}/health/live`)).status).toBe(200);
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([504, 504, 504]);
  });
});

describe('a request for which there is no room', () => {
  test('is carried out when there is some within a second', async () => {
    const silence = await startSilence();
    const gateway = await start({ ORDERS_GRPC_URL: silence, GRPC_TIMEOUT_MS: '300', HTTP_IN_FLIGHT_MAX: '3' });
    const answers = await Promise.all(Array.from({ length: 6 }, async () => postOrder(gateway)));
    // All of them came as far as the service, three of them after the others.
    expect(answers.map(({ status }) => status)).toEqual([504, 504, 504, 504, 504, 504]);
  });

  test('is refused at once where it was pipelined: what waits must not be more than there are connections', async () => {
    const gateway = await start({
      ORDERS_GRPC_URL: await startSilence(),
      GRPC_TIMEOUT_MS: '800',
      HTTP_IN_FLIGHT_MAX: '1',
    });
    const count = 500;
    const request = `GET /orders/${userId} HTTP/1.1\r\nHost: gateway\r\n\r\n`;
    const { text, closedAfterMs } = await rawRequest(
      gateway.port,
      request.repeat(count - 1) + request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
    );
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status);
    expect(statuses).toEqual(['504', ...Array.from({ length: count - 1 }, () => '503')]);
    expect(closedAfterMs).toBeLessThan(4_000);
  });

  test('takes no room from those that ask the other service', async () => {
    const silence = await startSilence();
    const gateway = await start({ ORDERS_GRPC_URL: silence, GRPC_TIMEOUT_MS: '3000', HTTP_IN_FLIGHT_MAX: '1' });
    const held = postOrder(gateway);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const other = await fetch(`${gateway.url}/accounts/${userId}`);
    // Payments cannot be reached here, and that is what it says.
    expect(((await other.json()) as { code: string }).code).toBe('UNAVAILABLE');
    await held;
  });

  test('disturbs nobody when its client leaves', async () => {
    const silence = await startSilence();
    const gateway = await start({ ORDERS_GRPC_URL: silence, GRPC_TIMEOUT_MS: '2000', HTTP_IN_FLIGHT_MAX: '1' });
    const held = postOrder(gateway);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const leaving = fetch(`${gateway.url}/orders/${userId}`, { signal: AbortSignal.timeout(200) });
    await expect(leaving).rejects.toThrow();
    expect((await held).status).toBe(504);
    expect((await fetch(`${gateway.url}/health/live`)).status).toBe(200);
  });
});

describe('health, metrics and documentation', () => {
  test('alive, but not ready without any service, on both ports', async () => {
    const gateway = await start();
    for (const port of [gateway.port, gateway.metricsPort]) {
      expect((await fetch(`http://127.0.0.1:${port}/health/live`)).status).toBe(200);
      expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(503);
    }
  });

  test.each(['ORDERS_GRPC_URL', 'PAYMENTS_GRPC_URL'])(
    'ready with one service only (%s): what the other one is needed for is refused call by call',
    async (variable) => {
      const gateway = await start({ [variable]: await startGrpcServer() });
      for (const port of [gateway.port, gateway.metricsPort])
        expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200);
    },
  );

  test('requests are counted by route and status, also what was no request', async () => {
    const gateway = await start();
    await fetch(`${gateway.url}/orders/${userId}`);
    await fetch(`${gateway.url}/a/b/c`);
    await rawRequest(gateway.port, 'hello\r\n\r\n');
    const metrics = await (await fetch(`http://127.0.0.1:${gateway.metricsPort}/metrics`)).text();
    expect(metrics).toContain('http_requests_total{method="GET",route="/orders/:order_id",status="503"} 1');
    expect(metrics).toContain('http_requests_total{method="GET",route="none",status="404"} 1');
    expect(metrics).toContain('http_requests_total{method="other",route="none",status="400"} 1');
    expect(metrics).toContain('http_request_duration_seconds_count{route="/orders/:order_id",status="503"} 1');
    expect(metrics).not.toContain('/a/b/c');
  });

  test('the document is served as it is, and every operation of it has a route', async () => {
    const gateway = await start();
    const response = await fetch(`${gateway.url}/swagger/doc.json`);
    expect(await response.json()).toEqual(JSON.parse(JSON.stringify(openApiDocument)));
    for (const [path, methods] of Object.entries(openApiDocument.paths))
      for (const method of Object.keys(methods)) {
        const url = `${gateway.url}${path.replace(/\{\w+\}/, userId)}`;
        const options = await fetch(url, { method: 'OPTIONS' });
        expect([path, options.headers.get('allow')?.split(', ')]).toEqual([
          path,
          expect.arrayContaining([method.toUpperCase()]),
        ]);
      }
  });

  test('the page and all it needs come from this machine', async () => {
    const gateway = await start();
    const page = await fetch(`${gateway.url}/docs`);
    const html = await page.text();
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    const wanted = [...html.matchAll(/<(?:script|link)[^>]+(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(wanted.length).toBeGreaterThanOrEqual(4);
    for (const path of wanted) {
      expect(path).toMatch(/^\/docs\/assets\//);
      expect((await fetch(`${gateway.url}${path}`)).status).toBe(200);
    }
  });
});

describe('stopping', () => {
  test('unready at once; what is in hand is answered, with Connection: close; then nothing listens', async () => {
    const silence = await startSilence();
    const gateway = await startTestGateway({ ORDERS_GRPC_URL: silence, GRPC_TIMEOUT_MS: '800', HTTP_DRAIN_MS: '200' });
    const inHand = postOrder(gateway);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const stopped = gateway.stop();
    expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(503);
    const answer = await inHand;
    expect([answer.status, answer.headers.get('connection')]).toEqual([504, 'close']);
    await stopped;
    await expect(fetch(`${gateway.url}/health/live`)).rejects.toThrow();
  });
});
