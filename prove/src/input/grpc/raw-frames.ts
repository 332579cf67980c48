import { connect } from 'node:net';
import type { Arena } from '../arena.ts';
import { inParallel } from '../attack.ts';
import type { Tally } from '../attack.ts';
import { mutate } from '../http/mutate.ts';
import type { Random } from '../../random.ts';
import { validMessages } from './messages.ts';
import { frame } from './session.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const FRAME = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW: 8,
  CONTINUATION: 9,
};
const END_STREAM = 1;
const END_HEADERS = 4;
const CONNECTIONS_AT_ONCE = 16;
const LISTEN_MS = 300;

/** HTTP/2 by hand: https://www.rfc-editor.org/rfc/rfc9113#section-4.1 */
function http2Frame(type: number, flags: number, stream: number, payload: Buffer, length = payload.length): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Header fields as literals that are not indexed, so that their bytes may be anything. */
function fields(pairs: ReadonlyArray<readonly [string, string]>): Buffer {
  const literal = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1');
    // Seven bits of length, and what is above 127 in bytes of seven bits.
    const length: number[] = [Math.min(bytes.length, 127)];
    if (bytes.length >= 127) {
      let rest = bytes.length - 127;
      for (; rest > 127; rest >>= 7) length.push((rest & 127) | 128);
      length.push(rest);
    }
    return Buffer.concat([Buffer.from(length), bytes]);
  };
  return Buffer.concat(pairs.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));
}

function callOf(path: string, ...more: ReadonlyArray<readonly [string, string]>): Buffer {
  return fields([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'service'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ]);
}

const settings = http2Frame(FRAME.SETTINGS, 0, 0, Buffer.alloc(0));
const opening = (...frames: Buffer[]): Buffer => Buffer.concat([PREFACE, settings, ...frames]);

/** Floods and lies that have a name. Users in them have no account. */
function* knownAttacks(path: string, body: Buffer): Generator<Buffer> {
  const headers = http2Frame(FRAME.HEADERS, END_HEADERS, 1, callOf(path));
  const data = http2Frame(FRAME.DATA, END_STREAM, 1, body);
  yield Buffer.concat([headers, data]);
  yield opening(data);
  yield opening(headers, headers, data);
  yield opening(headers, http2Frame(FRAME.DATA, END_STREAM, 1, body, body.length + 50));
  yield opening(headers, http2Frame(FRAME.DATA, END_STREAM, 1, body, 0xff_ffff));
  yield opening(http2Frame(FRAME.HEADERS, END_HEADERS, 2, callOf(path)));
  yield opening(http2Frame(FRAME.HEADERS, END_HEADERS, 0, callOf(path)));
  yield opening(http2Frame(FRAME.HEADERS, END_HEADERS, 1, Buffer.alloc(200, 0xff)));
  yield opening(http2Frame(FRAME.PUSH, END_HEADERS, 1, Buffer.concat([Buffer.from([0, 0, 0, 2]), callOf(path)])));
  yield opening(http2Frame(FRAME.WINDOW, 0, 0, Buffer.alloc(4)));
  yield opening(headers, http2Frame(FRAME.WINDOW, 0, 1, Buffer.from([0x7f, 0xff, 0xff, 0xff])), data);
  yield opening(http2Frame(FRAME.SETTINGS, 0, 0, Buffer.alloc(7)));
  yield opening(http2Frame(FRAME.SETTINGS, 0, 0, Buffer.from([0, 4, 0xff, 0xff, 0xff, 0xff])));
  yield opening(http2Frame(FRAME.GOAWAY, 0, 0, Buffer.alloc(8)), headers, data);
  yield opening(http2Frame(0xee, 0xff, 77, Buffer.alloc(500)), headers, data);
  yield opening(...Array.from({ length: 20_000 }, () => settings));
  yield opening(...Array.from({ length: 20_000 }, () => http2Frame(FRAME.PING, 0, 0, Buffer.alloc(8))));
  yield opening(
    ...Array.from({ length: 20_000 }, () => http2Frame(FRAME.PRIORITY, 0, 1, Buffer.from([0, 0, 0, 3, 9]))),
  );
  // Headers that never end.
  const rest = http2Frame(FRAME.CONTINUATION, 0, 1, fields([['x-more', 'y'.repeat(1_000)]]));
  yield opening(http2Frame(FRAME.HEADERS, 0, 1, callOf(path)), ...Array.from({ length: 5_000 }, () => rest));
  // Rapid reset, by hand.
  const reset = (stream: number): Buffer[] => [
    http2Frame(FRAME.HEADERS, END_HEADERS, stream, callOf(path)),
    http2Frame(FRAME.DATA, END_STREAM, stream, body),
    http2Frame(FRAME.RST_STREAM, 0, stream, Buffer.from([0, 0, 0, 8])),
  ];
  yield opening(...Array.from({ length: 5_000 }, (_, i) => reset(2 * i + 1)).flat());
  for (const odd of ['a\0b', 'a\r\nb', '\xff\xfe', '', ' ', 'x'.repeat(9_000)])
    for (const name of ['x-request-id', 'X-UPPER', 'bad name', 'x-bin-bin', 'grpc-timeout', 'grpc-encoding', odd])
      yield opening(http2Frame(FRAME.HEADERS, END_HEADERS, 1, callOf(path, [name, odd])), data);
}

/** Raw bytes on TCP: the server answers or ends the connection, and lives. */
export async function sendRawFrames(arena: Arena, random: Random, tally: Tally): Promise<void> {
  const { ports } = arena.platform;
  const count = arena.isLong ? 20_000 : 1_000;
  const messages = validMessages(random.uuid()).slice(0, 2);
  function* all(): Generator<{ port: number; bytes: Buffer[] }> {
    for (const { service, path, bytes: message } of messages) {
      const port = service === 'orders' ? ports.ordersGrpc : ports.paymentsGrpc;
      const body = frame(message);
      for (const bytes of knownAttacks(path, body)) yield { port, bytes: [bytes] };
      const valid = opening(
        http2Frame(FRAME.HEADERS, END_HEADERS, 1, callOf(path)),
        http2Frame(FRAME.DATA, END_STREAM, 1, body),
      );
      for (let n = 0; n < count; n += 1) yield { port, bytes: mutate(valid, random) };
    }
  }
  await inParallel(CONNECTIONS_AT_ONCE, all(), async ({ port, bytes }) => {
    tally.sent += 1;
    tally.count(await send(port, bytes));
  });
}

async function send(port: number, pieces: readonly Buffer[]): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ port, host: '127.0.0.1' });
  let isAnswered = false;
  socket.on('data', () => (isAnswered = true));
  socket.on('error', () => undefined);
  socket.once('close', () => resolve(isAnswered ? 'frames, then closed' : 'closed'));
  for (const piece of pieces) socket.write(piece);
  const timer = setTimeout(() => resolve('frames, open'), LISTEN_MS);
  const ending = await promise;
  clearTimeout(timer);
  socket.destroy();
  return ending;
}
