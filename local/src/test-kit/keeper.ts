import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { Say } from '../infrastructure/progress.ts';
import { freePort } from '../ports.ts';
import type { InfrastructureAddress } from './address.ts';
import { TestInfrastructure } from './test-infrastructure.ts';

/**
 * Lives in Jest's main process and starts the infrastructure when the first test asks for it, so that a run of unit
 * tests alone costs nothing. (Jest cannot say in advance which tests will run, and its workers come and go.)
 */
export class InfrastructureKeeper {
  readonly url: string;
  readonly #server: Server;
  readonly #say: Say;
  #infrastructure: TestInfrastructure | undefined;
  #address: Promise<InfrastructureAddress> | undefined;

  private constructor(port: number, say: Say) {
    this.url = `http://127.0.0.1:${port}`;
    this.#say = say;
    this.#server = createServer((_request, response) => {
      // A worker that was busy for seconds would ask again on a connection that is just being closed.
      response.shouldKeepAlive = false;
      this.#start().then(
        (address) => response.end(JSON.stringify(address)),
        (error: unknown) => response.writeHead(500).end(String(error instanceof Error ? error.stack : error)),
      );
    });
    this.#server.listen({ port, host: '127.0.0.1' });
  }

  static async begin(say: Say): Promise<InfrastructureKeeper> {
    return new InfrastructureKeeper(await freePort(), say);
  }

  async end(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    // A start that failed has been told to the test that asked; whatever it did start is ended here.
    await this.#address?.catch(() => undefined);
    await this.#infrastructure?.stop();
  }

  #start(): Promise<InfrastructureAddress> {
    this.#infrastructure ??= new TestInfrastructure(this.#say);
    this.#address ??= this.#infrastructure.start();
    return this.#address;
  }
}
