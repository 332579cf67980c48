import { connect, type ConnectionOptions } from 'node:tls';
import type { Violation } from '@order-payments/local/test-kit/outside-checker.ts';
import { checkTopics } from '@order-payments/local/test-kit/topic-checker.ts';
import type { Client } from 'pg';
import { eventually, forward, kubectl, namespace, read, release } from './commands.ts';
import { pods } from './release.ts';

const reader = 'e2e-reader';
const port = 9093;
const issuedLimitMs = 60_000;

/** I6: what lies in the topics against both databases, by the checker that shares no code with the platform. */
export async function checkTopicsInCluster(databases: { orders: Client; payments: Client }): Promise<Violation[]> {
  const brokers = (await pods(`strimzi.io/name=${release}-kafka`)).map(({ metadata }) => metadata.name);
  const certificates = await readersCertificates();
  const tunnels = await Promise.all(brokers.map(async (broker) => await forward(`pod/${broker}`, port)));
  const registry = await forward(`service/${release}-apicurio-registry`, 8080);
  try {
    const { violations, records, events } = await checkTopics(
      {
        brokers: `${brokers[0]}.${release}-kafka-brokers.${namespace}.svc:${port}`,
        // The names that the brokers give themselves lead nowhere but in the cluster.
        socketFactory: ({ host, onConnect }) => {
          const tunnel = tunnels[brokers.indexOf(host.split('.')[0] ?? '')];
          if (tunnel === undefined) throw new Error(`No tunnel leads to ${host}.`);
          const ownPort = Number(new URL(tunnel.url).port);
          return connect({ ...certificates, host: '127.0.0.1', port: ownPort, servername: host }, onConnect);
        },
        schemaRegistryUrl: `${registry.url}/apis/ccompat/v7`,
        orders: 'orders.events',
        payments: 'payments.events',
      },
      databases,
    );
    process.stderr.write(`topics: ${events} events in ${records} records\n`);
    return violations;
  } finally {
    for (const { close } of [...tunnels, registry]) close();
  }
}

/** Of a user of the suites' own, who may read both topics and nothing else: none of the platform's may. */
async function readersCertificates(): Promise<ConnectionOptions> {
  const resource = (type: string, name: string, patternType: string) => ({ type, name, patternType });
  const user = {
    apiVersion: 'kafka.strimzi.io/v1',
    kind: 'KafkaUser',
    metadata: { name: reader, labels: { 'strimzi.io/cluster': release } },
    spec: {
      authentication: { type: 'tls' },
      authorization: {
        type: 'simple',
        acls: [
          { resource: resource('topic', 'orders.events', 'literal'), operations: ['Read', 'Describe'] },
          { resource: resource('topic', 'payments.events', 'literal'), operations: ['Read', 'Describe'] },
          { resource: resource('group', 'checker-', 'prefix'), operations: ['Read'] },
        ],
      },
    },
  };
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(user) });
  await eventually(issuedLimitMs, async () => {
    await kubectl(['wait', `kafkauser/${reader}`, '--for=condition=Ready', '--timeout=5s']);
  });
  const secret = async (name: string): Promise<Record<string, string>> => {
    const { data } = await read<{ data: Record<string, string> }>(['get', 'secret', name]);
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
    );
  };
  const { 'user.crt': cert, 'user.key': key } = await secret(reader);
  const { 'ca.crt': ca } = await secret(`${release}-cluster-ca-cert`);
  return { cert, key, ca };
}
