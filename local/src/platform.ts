import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { platformDirectory } from './directories.ts';
import { dataDirectory as postgresDataDirectory } from './infrastructure/postgres-files.ts';
import type { Say } from './infrastructure/progress.ts';
import { registryUrl } from './infrastructure/registry.ts';
import { infrastructureParts, relayPart, serviceParts, stepParts, TOPICS } from './parts.ts';
import type { Surroundings } from './parts.ts';
import { checkPortsFree, ephemeralPorts } from './ports.ts';
import type { Ports } from './ports.ts';
import type { Part } from './process/part.ts';
import { endLeftovers } from './process/pid-files.ts';
import { Supervisor } from './process/supervisor.ts';
import type { Failure, PartHandle, SupervisorEvent } from './process/supervisor.ts';
import { untilServingAll } from './until-serving-all.ts';

export type PlatformEvent = SupervisorEvent | { readonly type: 'progress'; readonly message: string };

export interface PlatformOptions {
  readonly ports: Ports | 'ephemeral';
  /** Holds the data, logs and pid files of this platform; `.platform` at the repository's root unless given. */
  readonly directory?: string;
  /** Wipes the data first. */
  readonly fresh?: boolean;
  /** PostgreSQL waits for the disk at every commit unless this is false. */
  readonly durable?: boolean;
  /** `name=value` of PostgreSQL, where it is to have others than the chart's default. */
  readonly postgresSettings?: readonly string[];
  /** Environment for all of our own processes. */
  readonly extraEnv?: Readonly<Record<string, string>>;
  /** Environment for one part, by its name. */
  readonly partEnv?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Environment for one start of one of our own processes, asked when it starts. */
  readonly envAtStart?: (part: string) => Readonly<Record<string, string>>;
  /** Ports of proxies: through them our own processes reach what listens at the platform's port of that name. */
  readonly links?: Readonly<Record<LinkName, number>>;
  /** How often a part may die within a minute; whoever kills on purpose needs more than the supervisor's own number. */
  readonly deathsMax?: number;
  readonly onEvent?: (event: PlatformEvent) => void;
}

/** What our own processes reach over the network. */
export type LinkName = 'ordersDb' | 'paymentsDb' | 'kafka' | 'registry' | 'ordersGrpc' | 'paymentsGrpc';

export interface Platform {
  readonly ports: Ports;
  readonly surroundings: Surroundings;
  readonly logs: string;
  /** Where the data lie: outside the checkout as well, where PostgreSQL's user may not enter it. */
  readonly dataDirectories: readonly string[];
  readonly parts: readonly Part[];
  part(name: string): PartHandle;
  /** Starts one more part, for example a standby relay or a second replica, and waits until it is ready. */
  add(part: Part): Promise<PartHandle>;
  /** Settles when a part died too often. */
  readonly failed: Promise<Failure>;
  stop(): Promise<void>;
  killAll(): void;
}

/** A platform that is coming up: it can be stopped before it is ready. */
export interface StartingPlatform extends Platform {
  readonly ready: Promise<void>;
}

export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const platform = await beginPlatform(options);
  try {
    await platform.ready;
    return platform;
  } catch (error) {
    await platform.stop();
    throw error;
  }
}

/** Resolves as soon as the first parts are being started. */
export async function beginPlatform(options: PlatformOptions): Promise<StartingPlatform> {
  const directory = options.directory ?? platformDirectory;
  const onEvent = options.onEvent ?? (() => undefined);
  const say: Say = (message) => onEvent({ type: 'progress', message });
  const directories = { logs: join(directory, 'logs'), pids: join(directory, 'run') };
  const data = join(directory, 'data');
  const leftovers = endLeftovers(directories.pids);
  if (leftovers.length > 0) say(`Ended what an earlier run left behind: ${leftovers.join(', ')}`);
  if (options.fresh === true) await rm(data, { recursive: true, force: true });
  await mkdir(data, { recursive: true });
  const ports = options.ports === 'ephemeral' ? await ephemeralPorts() : options.ports;
  await checkPortsFree(ports);

  const durable = options.durable ?? true;
  const surroundings = localSurroundings(ports, options);
  const partData = (name: string): string => join(data, name);
  const clusters = ['postgres-orders', 'postgres-payments'].map((name) => postgresDataDirectory(partData(name)));
  const parts = [
    ...infrastructureParts({
      ports,
      dataDirectory: partData,
      durable,
      postgresSettings: options.postgresSettings ?? [],
      say,
      ...(options.links === undefined ? {} : { kafkaLink: options.links.kafka }),
    }),
    ...stepParts(ports),
    ...serviceParts(surroundings),
  ];
  const supervisor = new Supervisor(directories, onEvent, options.deathsMax);
  const ready = supervisor.start(parts).then(() => untilServingAll(`http://127.0.0.1:${ports.http}`));
  // Whoever awaits `ready` later gets its rejection then; until that moment it is not an unhandled one.
  ready.catch(() => undefined);
  return {
    ports,
    surroundings,
    logs: directories.logs,
    dataDirectories: [data, ...clusters.filter((cluster) => !cluster.startsWith(data))],
    parts,
    ready,
    failed: supervisor.failed,
    part: (name) => supervisor.handle(name),
    add: async (part) => {
      await supervisor.start([part]);
      return supervisor.handle(part.name);
    },
    stop: () => supervisor.stop(),
    killAll: () => supervisor.killAll(),
  };
}

/** A second relay of one database, to be given to `add`: it waits until it can take the leader's place. */
export function standbyRelay(
  platform: Pick<Platform, 'surroundings'>,
  service: 'orders' | 'payments',
  metricsPort: number,
): Part {
  return relayPart(platform.surroundings, service, metricsPort, `outbox-relay-${service}-standby`);
}

function localSurroundings(ports: Ports, options: PlatformOptions): Surroundings {
  const links = options.links ?? ports;
  return {
    ports,
    kafkaBrokers: `127.0.0.1:${links.kafka}`,
    schemaRegistryUrl: registryUrl(links.registry),
    ordersDatabase: { port: links.ordersDb, name: 'orders' },
    paymentsDatabase: { port: links.paymentsDb, name: 'payments' },
    grpcLinks: { orders: links.ordersGrpc, payments: links.paymentsGrpc },
    topics: TOPICS,
    consumerGroups: { orders: 'orders', payments: 'payments' },
    after: {
      orders: ['migrate-orders', 'register-schemas', 'kafka'],
      payments: ['migrate-payments', 'register-schemas', 'kafka'],
    },
    env: options.extraEnv ?? {},
    partEnv: options.partEnv ?? {},
    ...(options.envAtStart === undefined ? {} : { envAtStart: options.envAtStart }),
  };
}
