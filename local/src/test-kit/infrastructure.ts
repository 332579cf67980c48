import { randomBytes } from 'node:crypto';
import { asSuperuser, databaseUrl, SUPERUSER } from '../infrastructure/postgres-roles.ts';
import type { Service, ServiceRole } from '../infrastructure/postgres-roles.ts';
import { registryUrl } from '../infrastructure/registry.ts';
import { createTopics as createKafkaTopics } from '../infrastructure/topics.ts';
import { INFRASTRUCTURE_URL_VARIABLE, TEMPLATES } from './address.ts';
import type { InfrastructureAddress } from './address.ts';
import { eventually } from './eventually.ts';

export { freePort } from '../ports.ts';

export interface Infrastructure extends InfrastructureAddress {
  readonly kafkaBrokers: string;
  /** The registry's Confluent-compatible interface, with the schemas registered. */
  readonly schemaRegistryUrl: string;
}

export interface TestDatabase {
  readonly name: string;
  readonly port: number;
  /** A connection URL for each role, and for the superuser. */
  readonly urls: Readonly<Record<ServiceRole | 'superuser', string>>;
  drop(): Promise<void>;
}

let found: Promise<Infrastructure> | undefined;

/** The real PostgreSQL, Kafka and registry of this run; the first caller waits until they have started. */
export function infrastructure(): Promise<Infrastructure> {
  found ??= ask();
  return found;
}

/** A new database with the service's schema, copied from the migrated template. */
export async function createDatabase(service: Service): Promise<TestDatabase> {
  const { databasePort: port } = await infrastructure();
  const name = `${service}_${randomBytes(6).toString('hex')}`;
  await asSuperuser(port, 'postgres', (client) =>
    client.query(`create database ${name} template ${TEMPLATES[service]} owner ${service}_owner`),
  );
  const urlOf = (role: string): string => databaseUrl(port, name, role);
  return {
    name,
    port,
    urls: {
      owner: urlOf(`${service}_owner`),
      service: urlOf(`${service}_service`),
      relay: urlOf(`${service}_relay`),
      ops: urlOf(`${service}_ops`),
      superuser: urlOf(SUPERUSER),
    },
    drop: async () => {
      await asSuperuser(port, 'postgres', (client) => client.query(`drop database if exists ${name} with (force)`));
    },
  };
}

/** A new topic with the platform's partitions and settings; its name begins with the label. */
export async function createTopic(label: string): Promise<string> {
  const [topic] = await createTopics([label]);
  if (topic === undefined) throw new Error('There is no topic.');
  return topic;
}

/** Several at once, in the order of their labels. */
export async function createTopics(labels: readonly string[]): Promise<string[]> {
  const { kafkaBrokers } = await infrastructure();
  const topics = labels.map((label) => `${label}.${randomBytes(6).toString('hex')}`);
  // It asks once, and Kafka may be busy with other suites; those that are there are not created again.
  await eventually(() => createKafkaTopics(kafkaBrokers, topics), { timeoutMs: 30_000 });
  return topics;
}

async function ask(): Promise<Infrastructure> {
  const url = process.env[INFRASTRUCTURE_URL_VARIABLE];
  if (url === undefined)
    throw new Error('This test needs Kafka and PostgreSQL; TEST_INFRASTRUCTURE=off leaves them out.');
  const response = await fetch(url);
  if (!response.ok) throw new Error(`The infrastructure for the tests did not start: ${await response.text()}`);
  const address = (await response.json()) as InfrastructureAddress;
  return {
    ...address,
    kafkaBrokers: `127.0.0.1:${address.kafkaPort}`,
    schemaRegistryUrl: registryUrl(address.registryPort),
  };
}
