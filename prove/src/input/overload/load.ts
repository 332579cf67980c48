import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { ResponseReader } from '../http/response-reader.ts';
import type { WireResponse } from '../http/response-reader.ts';

/** One burst of orders over a bounded number of kept connections, each with at most one request at a time. */
export interface LoadOrder {
  readonly port: number;
  readonly sockets: number;
  readonly durationMs: number;
  /** Orders a second, sent when they are due and not when others are answered; undefined: as fast as answers come. */
  readonly ratePerSecond: number | undefined;
  readonly keyPrefix: string;
  readonly users: readonly string[];
}

export interface LoadResult {
  /** 201, by key. */
  readonly accepted: ReadonlyArray<readonly [key: string, orderId: string]>;
  /** 503 with OVERLOADED and Retry-After: nothing was done. */
  readonly shed: readonly string[];
  /** Whatever else, which only the same key resolves. */
  readonly unknown: readonly string[];
  readonly answers: Readonly<Record<string, number>>;
  /** Within the time. */
  readonly sent: number;
  /** Due when every connection was waiting. */
  readonly unsent: number;
  readonly latenciesMs: readonly number[];
  readonly tookMs: number;
  /** Answers that are not truthful. */
  readonly wrong: readonly string[];
}

const TICK_MS = 2;
/** Shorter than the 5 s after which the gateway closes a connection that asks nothing. */
const CONNECT_MAX_MS = 3_000;
/** Longer than the gateway lets a call take. */
const DRAIN_MS = 12_000;
const WRONG_MAX = 10;

interface Connection {
  readonly socket: Socket;
  reader: ResponseReader;
  key: string | undefined;
  sentAt: number;
}

export async function load(order: LoadOrder): Promise<LoadResult> {
  const accepted: Array<readonly [string, string]> = [];
  const shed: string[] = [];
  const unknown: string[] = [];
  const wrong: string[] = [];
  const latenciesMs: number[] = [];
  const answers: Record<string, number> = {};
  const free: Connection[] = [];
  const all = new Set<Connection>();
  let sent = 0;
  let unsent = 0;
  let hasBegun = false;
  let isOver = false;

  const send = (connection: Connection): void => {
    const n = sent++;
    connection.key = `${order.keyPrefix}-${n}`;
    connection.sentAt = performance.now();
    connection.socket.write(request(connection.key, order.users[n % order.users.length] ?? '', 1 + (n % 9)));
  };
  const take = (connection: Connection, { status, head, body }: WireResponse): void => {
    const { key } = connection;
    // A connection that asks nothing for 5 s is told so and closed.
    if (key === undefined) return void (status !== 408 && wrong.push(`an answer that nobody waits for: ${status}`));
    connection.key = undefined;
    const code = status === 201 ? '' : (/"code":"([A-Z_]+)"/.exec(body.toString('latin1'))?.[1] ?? 'none');
    const told = `${status} ${code}`.trim();
    answers[told] = (answers[told] ?? 0) + 1;
    if (status === 201) {
      accepted.push([key, /"id":"([0-9a-f-]{36})"/.exec(body.toString('latin1'))?.[1] ?? '']);
      latenciesMs.push(performance.now() - connection.sentAt);
    } else if (told === '503 OVERLOADED') shed.push(key);
    else unknown.push(key);
    const isTruthful = [201, 408, 504].includes(status) || (status === 503 && /\r\nretry-after: \d/i.test(head));
    if (!isTruthful && wrong.length < WRONG_MAX) wrong.push(`${told}: ${head}`);
    if (/\r\nconnection: close/i.test(head)) return;
    if (order.ratePerSecond === undefined && !isOver) send(connection);
    else free.push(connection);
  };
  const open = (): void => {
    const socket = connect({ port: order.port, host: '127.0.0.1', noDelay: true });
    const connection: Connection = { socket, reader: new ResponseReader(), key: undefined, sentAt: 0 };
    all.add(connection);
    socket.on('data', (chunk) => {
      for (const response of connection.reader.push(chunk)) take(connection, response);
    });
    socket.on('error', () => undefined);
    socket.once('connect', () => {
      if (order.ratePerSecond === undefined && hasBegun) send(connection);
      else free.push(connection);
    });
    socket.once('close', () => {
      all.delete(connection);
      const at = free.indexOf(connection);
      if (at !== -1) free.splice(at, 1);
      if (connection.key !== undefined) {
        unknown.push(connection.key);
        answers['none'] = (answers['none'] ?? 0) + 1;
      }
      if (!isOver) open();
    });
  };

  for (let n = 0; n < order.sockets; n += 1) open();
  // The load is of requests: making the connections is not to be measured with it.
  const openedAt = performance.now();
  while (free.length < order.sockets && performance.now() - openedAt < CONNECT_MAX_MS) await pause(20);
  hasBegun = true;
  const startedAt = performance.now();
  if (order.ratePerSecond === undefined) for (const connection of free.splice(0)) send(connection);
  let due = 0;
  while (performance.now() - startedAt < order.durationMs) {
    await pause(TICK_MS);
    if (order.ratePerSecond === undefined) continue;
    const wanted = Math.floor(((performance.now() - startedAt) / 1000) * order.ratePerSecond);
    for (; due < wanted; due += 1) {
      const connection = free.pop();
      if (connection === undefined) unsent += 1;
      else send(connection);
    }
  }
  isOver = true;
  const tookMs = performance.now() - startedAt;
  const acceptedInTime = accepted.length;
  while ([...all].some(({ key }) => key !== undefined) && performance.now() - startedAt - tookMs < DRAIN_MS)
    await pause(20);
  for (const { socket } of all) socket.destroy();
  await pause(20);
  answers['accepted within the time'] = acceptedInTime;
  return { accepted, shed, unknown, answers, sent, unsent, latenciesMs, tookMs, wrong };
}

function request(key: string, userId: string, amount: number): string {
  const body = `{"user_id":"${userId}","amount":${amount},"description":"overload"}`;
  return (
    'POST /orders HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n' +
    `Idempotency-Key: ${key}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  );
}

async function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
