import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { eventually } from '@order-payments/local/test-kit/eventually.ts';
import { infrastructure } from '@order-payments/local/test-kit/infrastructure.ts';
import { createLogger } from '@order-payments/platform/logger.ts';
import { Kafka, logLevel } from 'kafkajs';
import { createPublisher } from '../src/publisher.ts';

// The request that gives an idempotent producer its id; bytes 4 and 5 of a request are its kind.
const initProducerId = 22;

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

test('a producer that connects and gets no id leaves no connection behind', async () => {
  const { kafkaBrokers } = await infrastructure();
  const kafka = new Kafka({
    clientId: 'test',
    brokers: [kafkaBrokers],
    logLevel: logLevel.NOTHING,
    requestTimeout: 500,
    enforceRequestTimeout: true,
    retry: { retries: 0 },
    // The real Kafka, which never hears this one request.
    socketFactory: ({ host, port, onConnect }) => {
      const socket = connect({ host, port }, onConnect);
      const write = socket.write.bind(socket);
      socket.write = (bytes: Buffer, ...rest: []) => bytes.readInt16BE(4) === initProducerId || write(bytes, ...rest);
      sockets.push(socket);
      return socket;
    },
  });
  const publisher = createPublisher(kafka, createLogger({ service: 'test', level: 'silent' }));
  const row = { id: 1n, topic: 'none', key: 'k', payload: Buffer.from('x') };
  await expect(publisher.publish([row])).rejects.toThrow(/timed out/);
  expect(sockets.length).toBeGreaterThan(0);
  await eventually(() => expect(sockets.filter(({ closed }) => !closed)).toHaveLength(0), { timeoutMs: 3_000 });
});
