import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer, Socket, type AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { infrastructure } from '@order-payments/local/test-kit/infrastructure.ts';
import { createIdempotentProducer, createKafka } from '@order-payments/platform/kafka/client.ts';
import { socketFactory } from '@order-payments/platform/kafka/mended-kafkajs.ts';
import { createLogger } from '@order-payments/platform/logger.ts';
import type { ISocketFactory } from 'kafkajs';

test('a connection on which nothing waits sets no timers', async () => {
  const { kafkaBrokers } = await infrastructure();
  const kafka = createKafka({
    clientId: 'idle',
    brokers: [kafkaBrokers],
    logger: createLogger({ service: 'test', level: 'silent' }),
  });
  const producer = createIdempotentProducer(kafka);
  const warnings: string[] = [];
  const onWarning = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', onWarning);
  const setTimer = globalThis.setTimeout;
  let timers = 0;
  try {
    await producer.connect();
    globalThis.setTimeout = Object.assign(
      (...args: Parameters<typeof setTimer>) => {
        timers += 1;
        return setTimer(...args);
      },
      { __promisify__: setTimer.__promisify__ },
    );
    await new Promise((resolve) => setTimer(resolve, 500));
  } finally {
    globalThis.setTimeout = setTimer;
    process.off('warning', onWarning);
    await producer.disconnect();
  }
  expect(timers).toBeLessThan(10);
  expect(warnings).not.toContain('TimeoutNegativeWarning');
});

interface Protocol {
  request: unknown;
  response: unknown;
}
interface Connection {
  connect(): Promise<true>;
  send(protocol: Protocol): Promise<unknown>;
  disconnect(): Promise<true>;
  isConnected(): boolean;
}

const require = createRequire(import.meta.url);
const Connection = require('kafkajs/src/network/connection') as new (options: object) => Connection;
const apiVersions = require('kafkajs/src/protocol/requests/apiVersions') as {
  protocol(version: { version: number }): () => Protocol;
};

function connectionTo(port: number, sockets: ISocketFactory = socketFactory): Connection {
  const nothing = (): void => undefined;
  const logger = { info: nothing, error: nothing, warn: nothing, debug: nothing };
  return new Connection({
    host: '127.0.0.1',
    port,
    logger: { namespace: () => logger },
    socketFactory: sockets,
    requestTimeout: 2_000,
    connectionTimeout: 500,
  });
}

const ask = async (connection: Connection): Promise<unknown> =>
  await connection.send(apiVersions.protocol({ version: 0 })());

/** Answers that it has no versions. */
function answer(socket: Socket, request: Buffer): void {
  const bytes = Buffer.alloc(14);
  bytes.writeInt32BE(10, 0);
  request.copy(bytes, 4, 8, 12);
  socket.write(bytes);
}

test('a connection that broke within an answer reads the next answers from their beginning', async () => {
  let connections = 0;
  const broker = createServer((socket) => {
    connections += 1;
    // The size of the answer, and three bytes of it.
    if (connections === 1) return void socket.once('data', () => socket.end(Buffer.from([0, 0, 0, 10, 0, 0, 0])));
    socket.on('data', (request) => answer(socket, request));
  });
  await once(broker.listen(0, '127.0.0.1'), 'listening');
  const connection = connectionTo((broker.address() as AddressInfo).port);
  await connection.connect();
  await expect(ask(connection)).rejects.toThrow();
  while (connection.isConnected()) await new Promise((resolve) => setTimeout(resolve, 10));
  await connection.connect();
  expect(await ask(connection)).toEqual({ errorCode: 0, apiVersions: [] });
  await connection.disconnect();
  broker.close();
});

test('a socket that fails long after it was given up does no harm to the one that took its place', async () => {
  const broker = createServer((socket) =>
    socket.on('data', (request) => setTimeout(() => answer(socket, request), 300)),
  );
  await once(broker.listen(0, '127.0.0.1'), 'listening');
  const sockets: Socket[] = [];
  const connection = connectionTo((broker.address() as AddressInfo).port, (options) => {
    // The first finds nobody: a link that swallows everything.
    const socket = sockets.length === 0 ? new Socket() : socketFactory(options);
    sockets.push(socket);
    return socket;
  });
  await expect(connection.connect()).rejects.toThrow();
  await connection.connect();
  const answered = ask(connection);
  sockets[0]?.emit('error', new Error('connect ETIMEDOUT'));
  expect(await answered).toEqual({ errorCode: 0, apiVersions: [] });
  await connection.disconnect();
  broker.close();
});

test('who asks for a connection while it is made shares it', async () => {
  let connections = 0;
  const broker = createServer((socket) => {
    connections += 1;
    socket.on('data', (request) => answer(socket, request));
  });
  await once(broker.listen(0, '127.0.0.1'), 'listening');
  const connection = connectionTo((broker.address() as AddressInfo).port);
  await Promise.all([connection.connect(), connection.connect()]);
  await ask(connection);
  expect(connections).toBe(1);
  await connection.disconnect();
  broker.close();
});
