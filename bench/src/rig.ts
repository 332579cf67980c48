import { rm } from 'node:fs/promises';
import {
  databaseUrl,
  provisionDatabases,
  serviceDatabase,
} from '@order-payments/local/infrastructure/postgres-roles.ts';
import type { Service } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { createTopics } from '@order-payments/local/infrastructure/topics.ts';
import { migrateStep } from '@order-payments/local/parts.ts';
import { startPlatform, type Platform } from '@order-payments/local/platform.ts';
import { runTied } from '@order-payments/local/process/spawn-tied.ts';
import { createTemporaryDirectory } from '@order-payments/local/test-kit/temporary-directory.ts';
import pg from 'pg';
import type { Effort } from './measure.ts';
import { tellSomeTwice } from './duplicates.ts';

/** The platform as `npm start` runs it, durable, on data of its own; and a database for the floors beside each of its own. */
export interface Rig {
  readonly effort: Effort;
  readonly platform: Platform;
  /** The gateway. */
  readonly url: string;
  readonly brokers: string;
  /** Superusers of the platform's databases. */
  readonly orders: pg.Client;
  readonly payments: pg.Client;
  /** Superusers of the floors' databases, which have the services' tables and settings. */
  readonly floors: Readonly<Record<Service, pg.Client>>;
  readonly ports: Readonly<Record<Service, number>>;
  say(message: string): void;
}

export const FLOOR_DATABASE: Readonly<Record<Service, string>> = { orders: 'floor_orders', payments: 'floor_payments' };
export const RELAY_TOPICS = { ours: 'bench.relay', floor: 'bench.floor' } as const;

export interface RigOptions {
  /** A folder for the processor profile of each process, written when it ends. */
  readonly profiles?: string | undefined;
  /** `name=value`, others than `npm start` has. */
  readonly postgresSettings?: readonly string[];
}

/** An interrupt closes it too. */
export async function openRig(
  effort: Effort,
  say: (message: string) => void,
  { profiles, postgresSettings = [] }: RigOptions = {},
): Promise<{ rig: Rig; close(): Promise<void> }> {
  const directory = await createTemporaryDirectory();
  const platform = await startPlatform({
    ports: 'ephemeral',
    directory,
    postgresSettings,
    ...(profiles !== undefined && { extraEnv: { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profiles}` } }),
  });
  const clients: pg.Client[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(clients.map((client) => client.end()));
    await platform.stop();
    for (const data of platform.dataDirectories) await rm(data, { recursive: true, force: true });
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      void close().finally(() => process.exit(1));
    });
  const connect = async (port: number, database: string): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: databaseUrl(port, database, 'postgres') });
    await client.connect();
    clients.push(client);
    return client;
  };
  try {
    const ports = { orders: platform.ports.ordersDb, payments: platform.ports.paymentsDb };
    const floor = async (service: Service): Promise<pg.Client> => {
      const name = FLOOR_DATABASE[service];
      await provisionDatabases(ports[service], [serviceDatabase(service, name)]);
      await runTied(await migrateStep(service, databaseUrl(ports[service], name, `${service}_owner`), []).command());
      return await connect(ports[service], name);
    };
    await createTopics(platform.surroundings.kafkaBrokers, Object.values(RELAY_TOPICS));
    const rig: Rig = {
      effort,
      platform,
      url: `http://127.0.0.1:${platform.ports.http}`,
      brokers: platform.surroundings.kafkaBrokers,
      orders: await connect(ports.orders, 'orders'),
      payments: await connect(ports.payments, 'payments'),
      floors: { orders: await floor('orders'), payments: await floor('payments') },
      ports,
      say,
    };
    for (const database of [rig.orders, rig.payments]) await tellSomeTwice(database);
    return { rig, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Of one of the platform's parts that runs. */
export function pidOf({ platform }: Rig, part: string): number {
  const pid = platform.part(part).pid();
  if (pid === undefined) throw new Error(`${part} does not run.`);
  return pid;
}

export async function startParts({ platform }: Rig, ...parts: readonly string[]): Promise<void> {
  for (const part of parts) platform.part(part).start();
  await Promise.all(parts.map((part) => platform.part(part).untilReady()));
}

export async function stopParts({ platform }: Rig, ...parts: readonly string[]): Promise<void> {
  await Promise.all(parts.map((part) => platform.part(part).stop()));
}
