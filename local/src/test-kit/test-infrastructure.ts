import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { processIdentity } from '../../process-lock.mjs';
import { startKafka } from '../infrastructure/kafka.ts';
import { dataDirectory } from '../infrastructure/postgres-files.ts';
import { databaseUrl, serviceDatabase } from '../infrastructure/postgres-roles.ts';
import { startPostgres } from '../infrastructure/postgres.ts';
import type { Say } from '../infrastructure/progress.ts';
import { REGISTRY_DATABASE, registryUrl, startRegistry } from '../infrastructure/registry.ts';
import { migrateStep, registerSchemasStep } from '../parts.ts';
import { freePort } from '../ports.ts';
import type { Part } from '../process/part.ts';
import type { RunningPart } from '../process/run-part.ts';
import { runTied } from '../process/spawn-tied.ts';
import { TEMPLATES } from './address.ts';
import type { InfrastructureAddress } from './address.ts';
import { createTemporaryDirectory } from './temporary-directory.ts';

/** One PostgreSQL, Kafka and registry for a whole run of the tests. */
export class TestInfrastructure {
  readonly #directory: Promise<string> = createTemporaryDirectory();
  readonly #running: RunningPart[] = [];
  readonly #say: Say;

  constructor(say: Say) {
    this.#say = say;
  }

  async start(): Promise<InfrastructureAddress> {
    const startedAt = performance.now();
    this.#say('Starting PostgreSQL, Kafka and the registry for the tests');
    const directory = await this.#directory;
    const [databasePort, kafkaPort, registryPort] = [await freePort(), await freePort(), await freePort()];
    const directories = { logs: join(directory, 'logs'), pids: join(directory, 'run') };
    const kafka = startKafka(
      { name: 'kafka', port: kafkaPort, directory: join(directory, 'kafka'), topics: [], say: this.#say },
      directories,
    );
    const databases = async (): Promise<void> => {
      const postgres = await startPostgres(
        {
          name: 'postgres',
          port: databasePort,
          directory: this.#postgresDirectory(directory),
          databases: [
            serviceDatabase('orders', TEMPLATES.orders),
            serviceDatabase('payments', TEMPLATES.payments),
            REGISTRY_DATABASE,
          ],
          durable: false,
        },
        directories,
      );
      this.#running.push(postgres);
      const registry = startRegistry(
        { name: 'registry', port: registryPort, databasePort, after: [], say: this.#say },
        directories,
      );
      const migrations = (['orders', 'payments'] as const).map((service) =>
        runStep(migrateStep(service, databaseUrl(databasePort, TEMPLATES[service], `${service}_owner`), [])),
      );
      await allEnded([...migrations, registry.then((part) => this.#running.push(part))]);
      await runStep(registerSchemasStep(registryUrl(registryPort), []));
    };
    await allEnded([kafka.then((part) => this.#running.push(part)), databases()]);
    this.#say(`Infrastructure for the tests is ready (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
    return { databasePort, kafkaPort, registryPort, directory, keeper: processIdentity(process.pid) };
  }

  /** Ends everything at once, for its data are thrown away, and removes them. */
  async stop(): Promise<void> {
    // QUIT ends PostgreSQL with all its sessions immediately; KILL would leave them to notice.
    for (const part of this.#running) part.kill('SIGQUIT');
    for (const part of this.#running) setTimeout(() => part.kill('SIGKILL'), 1_000).unref();
    await Promise.all(this.#running.map((part) => part.exited));
    const directory = await this.#directory;
    await rm(dataDirectory(this.#postgresDirectory(directory)), { recursive: true, force: true });
    // Kafka's last writes may still be on their way when it is listed.
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }

  #postgresDirectory(directory: string): string {
    return join(directory, 'postgres');
  }
}

/** Like Promise.all, but whoever fails does not leave the others starting: stop() has to know all that run. */
async function allEnded(starts: ReadonlyArray<Promise<unknown>>): Promise<void> {
  await Promise.allSettled(starts);
  await Promise.all(starts);
}

async function runStep(step: Part): Promise<void> {
  await runTied(await step.command());
}
