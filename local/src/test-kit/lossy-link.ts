import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

/** A link to a server that can lose an answer (what was asked is done, and the client never learns it), or go silent. */
export interface LossyLink {
  readonly port: number;
  /** The next requests that contain the text get no answer: the link breaks when the server gives it. */
  loseAnswersTo(text: string, times?: number): void;
  /** Connections that are open now swallow everything from here on, without a reset, as when a node is lost. New ones work. */
  silenceOpenConnections(): void;
  readonly lost: () => number;
  close(): Promise<void>;
}

export async function openLossyLink(serverPort: number): Promise<LossyLink> {
  let marker = '';
  let timesLeft = 0;
  let lost = 0;
  const open = new Set<{ silent: boolean }>();
  const listener = createServer((client) => {
    const server = connect(serverPort, '127.0.0.1');
    const connection = { silent: false };
    open.add(connection);
    let losing = false;
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    client.on('close', () => open.delete(connection));
    client.on('data', (bytes) => {
      if (connection.silent) return;
      if (timesLeft > 0 && bytes.includes(marker)) {
        losing = true;
        timesLeft -= 1;
      }
      server.write(bytes);
    });
    server.on('data', (bytes) => {
      if (connection.silent) return;
      if (!losing) client.write(bytes);
      else {
        lost += 1;
        end();
      }
    });
    for (const socket of [client, server]) socket.on('error', end).on('close', end);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    loseAnswersTo: (text, times = 1) => {
      marker = text;
      timesLeft = times;
    },
    silenceOpenConnections: () => {
      for (const connection of open) connection.silent = true;
    },
    lost: () => lost,
    close: async () => {
      listener.close();
      await once(listener, 'close');
    },
  };
}
