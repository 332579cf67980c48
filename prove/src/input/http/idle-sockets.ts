import { connect } from 'node:net';
import type { Arena } from '../arena.ts';
import { demandInTime, Tally } from '../attack.ts';
import type { Attack } from '../attack.ts';

const SOCKETS = 10_000;
const DRIPPING = 1_000;
const DRIP_MS = 500;
/** The gateway's own 5 s and 8 s, looked at every second; the rest is a machine that is busy. */
const CLOSED_MIN_MS = 4_500;
const CLOSED_MAX_MS = 10_000;
/** So many may be late on a busy machine, and none by more than this. */
const LATE_SHARE_MAX = 0.01;
const PATIENCE_MS = 30_000;
const PROBE_EVERY_MS = 100;
const PROBE_MAX_MS = 5_000;

/** What a connection says for ever, without ever ending a request. */
const DRIPS = [
  { opening: 'GET /orders HTTP/1.1\r\nHost: g\r\nX-Slow: ', drip: 'x' },
  {
    opening: 'POST /orders HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n',
    drip: ' ',
  },
  {
    opening: 'POST /orders HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    drip: '1\r\n \r\n',
  },
  { opening: 'POST /orders HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n', drip: '' },
];

/** 10,000 sockets that ask nothing, and a thousand that never end asking: out in 5 to 10 s, and nobody else notices. */
export const idleSockets: Attack = {
  name: 'idle-sockets',
  run: async (arena) => {
    const tally = new Tally();
    const closedAfter: number[] = [];
    const probes = { isOver: false };
    const probing = probe(arena, probes);
    const sockets = Array.from({ length: SOCKETS + DRIPPING }, async (_, i) => {
      // All at once they would wait in the kernel's queue, which is no matter of the gateway's.
      await pause((i / (SOCKETS + DRIPPING)) * 2_000);
      const told = await hold(arena.platform.ports.http, i < SOCKETS ? undefined : DRIPS[i % DRIPS.length]);
      tally.sent += 1;
      tally.count(told.answer);
      closedAfter.push(told.closedAfterMs);
    });
    await Promise.all(sockets);
    probes.isOver = true;
    const latencies = (await probing).toSorted((a, b) => a - b);
    const late = closedAfter.filter((ms) => ms > CLOSED_MAX_MS).length;
    const [first, last] = [Math.min(...closedAfter), Math.max(...closedAfter)];
    tally.demand(first >= CLOSED_MIN_MS, `a socket was closed after ${Math.round(first)} ms`);
    demandInTime(tally, late <= closedAfter.length * LATE_SHARE_MAX, `${late} sockets were open for more than 10 s`);
    tally.demand(last < PATIENCE_MS, 'a socket was never closed');
    const slowest = latencies.at(-1) ?? Infinity;
    demandInTime(tally, slowest < PROBE_MAX_MS, `a healthy client waited ${Math.round(slowest)} ms`);
    const median = latencies[Math.floor(latencies.length / 2)] ?? 0;
    tally.notes.push(
      `closed after ${(first / 1000).toFixed(1)} to ${(last / 1000).toFixed(1)} s, ${late} of ${closedAfter.length} after more than 10 s; ` +
        `a healthy client's ${latencies.length} reads meanwhile: median ${median.toFixed(0)} ms, slowest ${slowest.toFixed(0)} ms`,
    );
    return tally;
  },
};

async function hold(
  port: number,
  says: (typeof DRIPS)[number] | undefined,
): Promise<{ answer: string; closedAfterMs: number }> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect({ port, host: '127.0.0.1' });
  const startedAt = performance.now();
  let answer = '';
  let drip: NodeJS.Timeout | undefined;
  socket.once('connect', () => {
    if (says === undefined) return;
    socket.write(says.opening);
    if (says.drip !== '') drip = setInterval(() => socket.write(says.drip), DRIP_MS);
  });
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1', 0, 40)));
  socket.on('error', () => undefined);
  socket.once('close', () => resolve());
  const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
  await promise;
  clearTimeout(timer);
  clearInterval(drip);
  const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status);
  return { answer: statuses.at(-1) ?? 'closed', closedAfterMs: performance.now() - startedAt };
}

async function probe({ url }: Arena, until: { isOver: boolean }): Promise<number[]> {
  const latencies: number[] = [];
  while (!until.isOver) {
    const startedAt = performance.now();
    const response = await fetch(`${url}/orders/0198c5a1-02d4-7e9b-b1f5-3c4d5e6f7a03`);
    await response.arrayBuffer();
    latencies.push(performance.now() - startedAt);
    await pause(PROBE_EVERY_MS);
  }
  return latencies;
}

async function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
