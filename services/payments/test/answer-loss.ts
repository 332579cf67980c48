import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';

/** A link to a server that can lose an answer: what was asked is done, and the client never learns it. */
export interface LossyLink {
  readonly port: number;
  /** The next request that contains the text gets no answer: the link breaks when the server gives it. */
  loseAnswerTo(text: string): void;
  readonly lost: () => number;
  close(): Promise<void>;
}

export async function openLossyLink(serverPort: number): Promise<LossyLink> {
  let marker: string | undefined;
  let lost = 0;
  const listener = createServer((client) => {
    const server = connect(serverPort, '127.0.0.1');
    let losing = false;
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    client.on('data', (bytes) => {
      if (marker !== undefined && bytes.includes(marker)) {
        losing = true;
        marker = undefined;
      }
      server.write(bytes);
    });
    server.on('data', (bytes) => {
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
    loseAnswerTo: (text) => {
      marker = text;
    },
    lost: () => lost,
    close: async () => {
      listener.close();
      await once(listener, 'close');
    },
  };
}
