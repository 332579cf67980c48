import { kafkaPart } from './infrastructure/kafka.ts';
import { databaseUrl, serviceDatabase } from './infrastructure/postgres-roles.ts';
import type { Service } from './infrastructure/postgres-roles.ts';
import { postgresPart } from './infrastructure/postgres.ts';
import type { Say } from './infrastructure/progress.ts';
import { REGISTRY_DATABASE, registryPart, registryUrl } from './infrastructure/registry.ts';
import { nodeService, nodeStep } from './node-part.ts';
import type { Ports } from './ports.ts';
import type { Part } from './process/part.ts';

export const TOPICS = { orders: 'orders.events', payments: 'payments.events' } as const;

/** Everything the five processes need to know about where they run. */
export interface Surroundings {
  readonly ports: Ports;
  readonly kafkaBrokers: string;
  readonly schemaRegistryUrl: string;
  readonly ordersDatabase: { readonly port: number; readonly name: string };
  readonly paymentsDatabase: { readonly port: number; readonly name: string };
  readonly topics: { readonly orders: string; readonly payments: string };
  readonly consumerGroups: { readonly orders: string; readonly payments: string };
  /** Parts that must be there first: none where tests bring the infrastructure. */
  readonly after: { readonly orders: readonly string[]; readonly payments: readonly string[] };
  /** For every process, for example LOG_LEVEL; and for one part by its name. */
  readonly env: Readonly<Record<string, string>>;
  readonly partEnv: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Environment for one start of a part, asked when it starts: how a fault test arms one life of a process and not the next. */
  readonly envAtStart?: (part: string) => Readonly<Record<string, string>>;
  /** Where our processes find each other's gRPC, if not at the ports themselves: a proxy, for example. */
  readonly grpcLinks?: { readonly orders: number; readonly payments: number };
}

export interface InfrastructureOptions {
  readonly ports: Ports;
  readonly dataDirectory: (name: string) => string;
  readonly durable: boolean;
  readonly postgresSettings: readonly string[];
  readonly say: Say;
  /** Where Kafka tells its clients to find it, if not at its port. */
  readonly kafkaLink?: number;
}

/** PostgreSQL twice, Kafka, and the registry, which keeps its schemas beside the orders. */
export function infrastructureParts(options: InfrastructureOptions): Part[] {
  const { ports, dataDirectory, durable, postgresSettings: settings, say } = options;
  return [
    postgresPart({
      name: 'postgres-orders',
      port: ports.ordersDb,
      directory: dataDirectory('postgres-orders'),
      databases: [serviceDatabase('orders'), REGISTRY_DATABASE],
      durable,
      settings,
    }),
    postgresPart({
      name: 'postgres-payments',
      port: ports.paymentsDb,
      directory: dataDirectory('postgres-payments'),
      databases: [serviceDatabase('payments')],
      durable,
      settings,
    }),
    kafkaPart({
      name: 'kafka',
      port: ports.kafka,
      directory: dataDirectory('kafka'),
      topics: Object.values(TOPICS),
      say,
      ...(options.kafkaLink === undefined ? {} : { advertisedPort: options.kafkaLink }),
    }),
    registryPart({
      name: 'registry',
      port: ports.registry,
      databasePort: ports.ordersDb,
      after: ['postgres-orders'],
      say,
    }),
  ];
}

/** Migrations and schema registration: before every start of the services, for they cost little when all is done. */
export function stepParts(ports: Ports): Part[] {
  return [
    migrateStep('orders', databaseUrl(ports.ordersDb, 'orders', 'orders_owner'), ['postgres-orders']),
    migrateStep('payments', databaseUrl(ports.paymentsDb, 'payments', 'payments_owner'), ['postgres-payments']),
    registerSchemasStep(registryUrl(ports.registry), ['registry']),
  ];
}

export function migrateStep(service: Service, ownerUrl: string, after: readonly string[]): Part {
  return nodeStep({
    name: `migrate-${service}`,
    entry: `services/${service}/src/migrate.ts`,
    after,
    env: { DATABASE_URL: ownerUrl },
  });
}

export function registerSchemasStep(schemaRegistryUrl: string, after: readonly string[]): Part {
  return nodeStep({
    name: 'register-schemas',
    entry: 'packages/contracts/src/register-schemas.ts',
    after,
    env: { SCHEMA_REGISTRY_URL: schemaRegistryUrl },
  });
}

/** The five processes that are the platform itself. */
export function serviceParts(surroundings: Surroundings): Part[] {
  return [
    ordersPart(surroundings),
    paymentsPart(surroundings),
    relayPart(surroundings, 'orders', surroundings.ports.ordersRelayMetrics),
    relayPart(surroundings, 'payments', surroundings.ports.paymentsRelayMetrics),
    gatewayPart(surroundings),
  ];
}

export function gatewayPart(surroundings: Surroundings): Part {
  const { ports, env, partEnv } = surroundings;
  return nodeService({
    name: 'gateway',
    entry: 'gateway/src/main.ts',
    after: [],
    uses: ['orders', 'payments'],
    stopTimeoutMs: 4_000,
    address: `http://127.0.0.1:${ports.http}`,
    metricsPort: ports.gatewayMetrics,
    env: {
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: String(ports.http),
      ORDERS_GRPC_URL: grpcUrl(surroundings.grpcLinks?.orders ?? ports.ordersGrpc),
      PAYMENTS_GRPC_URL: grpcUrl(surroundings.grpcLinks?.payments ?? ports.paymentsGrpc),
      ...env,
      ...partEnv['gateway'],
    },
    envAtStart: () => surroundings.envAtStart?.('gateway') ?? {},
  });
}

/** Orders; another `name`, with ports of its own, makes a second replica. */
export function ordersPart(surroundings: Surroundings, name = 'orders'): Part {
  const { ports, ordersDatabase: database, env, partEnv } = surroundings;
  return nodeService({
    name,
    entry: 'services/orders/src/main.ts',
    after: surroundings.after.orders,
    stopTimeoutMs: 6_000,
    address: `127.0.0.1:${ports.ordersGrpc}`,
    metricsPort: ports.ordersMetrics,
    env: {
      DATABASE_URL: databaseUrl(database.port, database.name, 'orders_service'),
      GRPC_PORT: String(ports.ordersGrpc),
      PAYMENTS_GRPC_URL: grpcUrl(surroundings.grpcLinks?.payments ?? ports.paymentsGrpc),
      KAFKA_GROUP_ID: surroundings.consumerGroups.orders,
      ...eventEnvironment(surroundings),
      ...env,
      ...partEnv[name],
    },
    envAtStart: () => surroundings.envAtStart?.(name) ?? {},
  });
}

/** Payments; another `name`, with ports of its own, makes a second replica. */
export function paymentsPart(surroundings: Surroundings, name = 'payments'): Part {
  const { ports, paymentsDatabase: database, env, partEnv } = surroundings;
  return nodeService({
    name,
    entry: 'services/payments/src/main.ts',
    after: surroundings.after.payments,
    stopTimeoutMs: 6_000,
    address: `127.0.0.1:${ports.paymentsGrpc}`,
    metricsPort: ports.paymentsMetrics,
    env: {
      DATABASE_URL: databaseUrl(database.port, database.name, 'payments_service'),
      GRPC_PORT: String(ports.paymentsGrpc),
      KAFKA_GROUP_ID: surroundings.consumerGroups.payments,
      ...eventEnvironment(surroundings),
      ...env,
      ...partEnv[name],
    },
    envAtStart: () => surroundings.envAtStart?.(name) ?? {},
  });
}

/** The relay of one database; another `name` and metrics port makes its standby. */
export function relayPart(
  surroundings: Surroundings,
  service: Service,
  metricsPort: number,
  name = `outbox-relay-${service}`,
): Part {
  const database = service === 'orders' ? surroundings.ordersDatabase : surroundings.paymentsDatabase;
  return nodeService({
    name,
    entry: 'services/outbox-relay/src/main.ts',
    after: surroundings.after[service].filter((other) => other !== 'register-schemas'),
    stopTimeoutMs: 6_000,
    metricsPort,
    env: {
      RELAY_NAME: service,
      DATABASE_URL: databaseUrl(database.port, database.name, `${service}_relay`),
      KAFKA_BROKERS: surroundings.kafkaBrokers,
      ...surroundings.env,
      ...surroundings.partEnv[name],
    },
    envAtStart: () => surroundings.envAtStart?.(name) ?? {},
  });
}

function eventEnvironment(surroundings: Surroundings): Record<string, string> {
  return {
    GRPC_HOST: '127.0.0.1',
    KAFKA_BROKERS: surroundings.kafkaBrokers,
    SCHEMA_REGISTRY_URL: surroundings.schemaRegistryUrl,
    ORDERS_TOPIC: surroundings.topics.orders,
    PAYMENTS_TOPIC: surroundings.topics.payments,
  };
}

function grpcUrl(port: number): string {
  return `dns:///127.0.0.1:${port}`;
}
