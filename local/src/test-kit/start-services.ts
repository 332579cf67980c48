import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { livePid } from '../../process-lock.mjs';
import { serviceParts } from '../parts.ts';
import type { Surroundings } from '../parts.ts';
import { ephemeralPorts } from '../ports.ts';
import type { Ports } from '../ports.ts';
import type { Part } from '../process/part.ts';
import { Supervisor } from '../process/supervisor.ts';
import type { Failure, PartHandle, SupervisorEvent } from '../process/supervisor.ts';
import { untilServingAll } from '../until-serving-all.ts';
import { createDatabase, createTopics, infrastructure } from './infrastructure.ts';
import type { TestDatabase } from './infrastructure.ts';

const ORPHAN_CHECK_MS = 500;

export interface StartServicesOptions {
  /** Environment for all five processes, for example LOG_LEVEL. */
  readonly env?: Readonly<Record<string, string>>;
  /** Environment for one part, by its name. */
  readonly partEnv?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Environment for one start of a part, asked when it starts. */
  readonly envAtStart?: (part: string) => Readonly<Record<string, string>>;
  /** How often a part may die within a minute. */
  readonly deathsMax?: number;
  readonly onEvent?: (event: SupervisorEvent) => void;
}

export interface TestServices {
  /** Of the gateway. */
  readonly url: string;
  readonly ports: Ports;
  readonly surroundings: Surroundings;
  readonly databases: { readonly orders: TestDatabase; readonly payments: TestDatabase };
  readonly topics: { readonly orders: string; readonly payments: string };
  readonly logs: string;
  readonly failed: Promise<Failure>;
  part(name: string): PartHandle;
  /** Starts one more part: a standby relay, a second replica. */
  add(part: Part): Promise<PartHandle>;
  stop(): Promise<void>;
}

/** The five real processes, started as `npm start` does, with databases, topics and ports of their own. */
export async function startServices(options: StartServicesOptions = {}): Promise<TestServices> {
  const { directory, kafkaBrokers, keeper, schemaRegistryUrl } = await infrastructure();
  const [ports, orders, payments, topicNames] = await Promise.all([
    ephemeralPorts(),
    createDatabase('orders'),
    createDatabase('payments'),
    createTopics(['orders.events', 'payments.events']),
  ]);
  const [ordersTopic = '', paymentsTopic = ''] = topicNames;
  const id = randomUUID();
  const surroundings: Surroundings = {
    ports,
    kafkaBrokers,
    schemaRegistryUrl,
    ordersDatabase: orders,
    paymentsDatabase: payments,
    topics: { orders: ordersTopic, payments: paymentsTopic },
    consumerGroups: { orders: `orders-${id}`, payments: `payments-${id}` },
    after: { orders: [], payments: [] },
    env: options.env ?? {},
    partEnv: options.partEnv ?? {},
    ...(options.envAtStart === undefined ? {} : { envAtStart: options.envAtStart }),
  };
  const logs = join(directory, 'services', id);
  const supervisor = new Supervisor(
    { logs, pids: join(logs, 'run') },
    options.onEvent ?? (() => undefined),
    options.deathsMax,
  );
  // A worker of Jest outlives a main process that is killed, and would keep the services with it.
  const orphaned = setInterval(() => {
    if (livePid(keeper) !== undefined) return;
    supervisor.killAll();
    process.exit(1);
  }, ORPHAN_CHECK_MS);
  const stop = async (): Promise<void> => {
    clearInterval(orphaned);
    await supervisor.stop();
    await Promise.all([orders.drop(), payments.drop()]);
  };
  const url = `http://127.0.0.1:${ports.http}`;
  await startOrStop(supervisor, { parts: serviceParts(surroundings), url }, stop);
  return {
    url,
    ports,
    surroundings,
    databases: { orders, payments },
    topics: surroundings.topics,
    logs,
    failed: supervisor.failed,
    part: (name) => supervisor.handle(name),
    add: async (part) => {
      await supervisor.start([part]);
      return supervisor.handle(part.name);
    },
    stop,
  };
}

async function startOrStop(
  supervisor: Supervisor,
  { parts, url }: { parts: Part[]; url: string },
  stop: () => Promise<void>,
): Promise<void> {
  try {
    await supervisor.start(parts);
    await untilServingAll(url);
  } catch (error) {
    await stop();
    throw error;
  }
}
