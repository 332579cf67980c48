import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly text: string;
  readonly status: number;
  readonly body: Record<string, unknown>;
  /** From the connection to its end. */
  readonly closedAfterMs: number;
}

/** Sends bytes as they are and reads until the server closes. `more` may go on sending. */
export async function rawRequest(
  port: number,
  first: string | Buffer,
  more: (socket: Socket) => void = () => undefined,
): Promise<RawAnswer> {
  const started = performance.now();
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A server that closes while we still send resets the connection; what it said before counts.
  socket.on('error', () => undefined);
  socket.write(first);
  more(socket);
  await once(socket, 'close');
  const text = Buffer.concat(chunks).toString();
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
  // Of the first answer, where there are several.
  const bodyAt = text.indexOf('\r\n\r\n') + 4;
  const bodyText = text.slice(bodyAt, bodyAt + Number(/^content-length: (\d+)/im.exec(text)?.[1] ?? 0));
  const body = bodyText.startsWith('{') ? (JSON.parse(bodyText) as Record<string, unknown>) : {};
  return { text, status, body, closedAfterMs: performance.now() - started };
}
