import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { eventually } from '../src/test-kit/eventually.ts';
import { openLossyLink } from '../src/test-kit/lossy-link.ts';
import type { LossyLink } from '../src/test-kit/lossy-link.ts';

const server = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.pipe(socket);
});
const soon = { timeoutMs: 5_000 };
let link: LossyLink;

beforeEach(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  link = await openLossyLink((server.address() as AddressInfo).port);
});

afterEach(async () => {
  await link.close();
  server.close();
  await once(server, 'close');
});

test('a slow link delays each way and keeps the order of the bytes, also when it is quick again', async () => {
  const client = await open();
  await echo(client, 'quick');
  link.slow(60);
  const asked = echo(client, 'abc');
  await sleep(20);
  link.mend();
  client.socket.write('def');
  // What was under way when it was mended may come sooner, and never out of order.
  expect(await asked).toBeGreaterThanOrEqual(20);
  await eventually(() => expect(client.heard()).toBe('quickabcdef'), soon);
});

test('a cut link passes nothing and tells nobody, and resets what hung in it when it is mended', async () => {
  const before = await open();
  link.cut();
  const during = await open();
  before.socket.write('a');
  during.socket.write('b');
  await sleep(100);
  expect([before.heard(), during.heard(), before.ended(), during.ended()]).toEqual(['', '', false, false]);
  link.mend();
  await eventually(() => expect([before.ended(), during.ended()]).toEqual([true, true]), soon);
  const after = await open();
  await echo(after, 'c');
  expect(after.heard()).toBe('c');
});

test('a reset ends what is open, and the next connection works', async () => {
  const client = await open();
  link.resetOpenConnections();
  await eventually(() => expect(client.ended()).toBe(true), soon);
  await echo(await open(), 'again');
});

test('an answer can be lost with its connection, or swallowed in silence', async () => {
  const broken = await open();
  link.loseAnswersTo('commit');
  broken.socket.write('commit');
  await eventually(() => expect([broken.heard(), broken.ended()]).toEqual(['', true]), soon);
  const silent = await open();
  link.swallowAnswersTo('commit');
  silent.socket.write('commit');
  await eventually(() => expect([silent.heard(), silent.ended(), link.lost()]).toEqual(['', false, 2]), soon);
});

interface Peer {
  readonly socket: Socket;
  heard(): string;
  ended(): boolean;
}

async function open(): Promise<Peer> {
  const socket = connect(link.port, '127.0.0.1');
  let heard = '';
  let ended = false;
  socket.on('data', (bytes) => (heard += bytes.toString()));
  socket.on('error', () => undefined);
  socket.on('close', () => (ended = true));
  await once(socket, 'connect');
  return { socket, heard: () => heard, ended: () => ended };
}

/** Milliseconds until the text is back. */
async function echo({ socket, heard }: Peer, text: string): Promise<number> {
  const sentAt = performance.now();
  socket.write(text);
  while (!heard().includes(text)) await sleep(1);
  return performance.now() - sentAt;
}
