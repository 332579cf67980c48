import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A link to a server that can lose an answer (what was asked is done, and the client never learns it), or be in trouble. */
export interface LossyLink {
  readonly port: number;
  /** The next requests that contain the text get no answer: the link breaks when the server gives it. */
  loseAnswersTo(text: string, times?: number): void;
  /** The next requests that contain the text get no answer, and their connections stay open and silent. */
  swallowAnswersTo(text: string, times?: number): void;
  /** Connections that are open now swallow everything from here on, without a reset, as when a node is lost. New ones work. */
  silenceOpenConnections(): void;
  /** Connections that are open now are reset, whatever was under way. New ones work. */
  resetOpenConnections(): void;
  /** Nothing passes any more, in open connections and in new ones, and nobody is told, until `mend`: then the open ones are reset. */
  cut(): void;
  /** Everything arrives so much later, in each direction, until `mend`. */
  slow(delayMs: number): void;
  mend(): void;
  readonly lost: () => number;
  close(): Promise<void>;
}

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  silent: boolean;
}

export async function openLossyLink(serverPort: number): Promise<LossyLink> {
  let marker = '';
  let timesLeft = 0;
  let loss: 'break' | 'silence' = 'break';
  let lost = 0;
  let isCut = false;
  let delayMs = 0;
  const open = new Set<Connection>();
  const resetAll = (): void => {
    for (const { client, server } of open) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  };
  // Each timer does what is first in its direction's queue, so that whatever the timers do, bytes keep their order.
  const later = (queue: Array<() => void>, work: () => void): void => {
    if (delayMs === 0 && queue.length === 0) return work();
    queue.push(work);
    setTimeout(() => queue.shift()?.(), delayMs);
  };
  const listener = createServer((client) => {
    const server = connect(serverPort, '127.0.0.1');
    // What is written before it is connected listens for that.
    server.setMaxListeners(0);
    const connection: Connection = { client, server, silent: isCut };
    open.add(connection);
    let losing = false;
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    const there: Array<() => void> = [];
    const back: Array<() => void> = [];
    client.on('close', () => open.delete(connection));
    client.on('data', (bytes) => {
      if (connection.silent) return;
      if (timesLeft > 0 && bytes.includes(marker)) {
        losing = loss === 'break';
        connection.silent = loss === 'silence';
        lost += connection.silent ? 1 : 0;
        timesLeft -= 1;
      }
      later(there, () => server.write(bytes));
    });
    server.on('data', (bytes) => {
      if (connection.silent) return;
      if (!losing) later(back, () => client.write(bytes));
      else {
        lost += 1;
        end();
      }
    });
    client.on('error', end).on('close', () => later(there, end));
    server.on('error', end).on('close', () => later(back, end));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    loseAnswersTo: (text, times = 1) => {
      marker = text;
      timesLeft = times;
      loss = 'break';
    },
    swallowAnswersTo: (text, times = 1) => {
      marker = text;
      timesLeft = times;
      loss = 'silence';
    },
    silenceOpenConnections: () => {
      for (const connection of open) connection.silent = true;
    },
    resetOpenConnections: resetAll,
    cut: () => {
      isCut = true;
      for (const connection of open) connection.silent = true;
    },
    slow: (ms) => {
      delayMs = ms;
    },
    mend: () => {
      delayMs = 0;
      if (isCut) resetAll();
      isCut = false;
    },
    lost: () => lost,
    close: async () => {
      listener.close();
      resetAll();
      await once(listener, 'close');
    },
  };
}
