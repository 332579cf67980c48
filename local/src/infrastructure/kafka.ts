import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../ports.ts';
import type { Part } from '../process/part.ts';
import { startPart } from '../process/run-part.ts';
import type { Directories, RunningPart } from '../process/run-part.ts';
import { runTied } from '../process/spawn-tied.ts';
import { downloadKafka } from './downloads.ts';
import { findJava } from './java.ts';
import type { Say } from './progress.ts';
import { createTopics, withKafkaAdmin } from './topics.ts';

export interface KafkaOptions {
  readonly name: string;
  readonly port: number;
  /** Where clients are told to connect, if not to the port itself: a proxy in front of it. */
  readonly advertisedPort?: number;
  readonly directory: string;
  readonly topics: readonly string[];
  /** Its place in a cluster of several; without one it is alone. */
  readonly member?: ClusterMember;
  readonly say: Say;
}

/** One of several nodes. The first is broker and controller, the others are brokers. */
export interface ClusterMember {
  readonly nodeId: number;
  readonly clusterId: string;
  /** Where the first listens for the others. */
  readonly controllerPort: number;
}

/** What a Kafka cluster is told to be when its nodes format their storage. */
export function newClusterId(): string {
  return randomBytes(16).toString('base64url');
}

/** One Kafka node on loopback: broker and controller, or a broker of a cluster. */
export function kafkaPart(options: KafkaOptions): Part {
  const configuration = join(options.directory, 'server.properties');
  const logging = join(options.directory, 'log4j2.properties');
  const java = async (memory: string, mainClass: string, args: readonly string[]) => ({
    file: await findJava(options.say),
    args: [
      memory,
      '-XX:+UseSerialGC',
      `-Dlog4j2.configurationFile=${logging}`,
      '-cp',
      join(await downloadKafka(options.say), '*'),
      mainClass,
      ...args,
    ],
  });
  return {
    name: options.name,
    kind: 'service',
    after: [],
    stopTimeoutMs: 6_000,
    address: `127.0.0.1:${options.port}`,
    prepare: async () => {
      await mkdir(options.directory, { recursive: true });
      await writeFile(logging, LOGGING);
      const data = join(options.directory, 'data');
      // Nobody but a lone node itself speaks to its controller, so that port need not be known to anyone.
      const alone = { nodeId: 1, clusterId: newClusterId(), controllerPort: await freePort() };
      const member = options.member ?? alone;
      await writeFile(configuration, properties({ ...options, member, data }));
      if (existsSync(join(data, 'meta.properties'))) return;
      await rm(data, { recursive: true, force: true });
      const formatting = join(options.directory, 'format.properties');
      const temporary = `${data}.new`;
      await rm(temporary, { recursive: true, force: true });
      await writeFile(formatting, properties({ ...options, member, data: temporary }));
      // In one argument: one id in 64 begins with a hyphen, and would be taken for an option.
      const format = ['format', '--config', formatting, `--cluster-id=${member.clusterId}`];
      await runTied(await java('-Xmx128m', 'kafka.tools.StorageTool', format));
      await rename(temporary, data);
    },
    command: () => java('-Xmx256m', 'kafka.Kafka', [configuration]),
    probe: () => withKafkaAdmin(brokers(options.port), async (admin) => void (await admin.describeCluster())),
    provision: () => createTopics(brokers(options.port), options.topics),
  };
}

export function startKafka(options: KafkaOptions, directories: Directories): Promise<RunningPart> {
  return startPart(kafkaPart(options), directories);
}

function brokers(port: number): string {
  return `127.0.0.1:${port}`;
}

interface NodeProperties extends Pick<KafkaOptions, 'port' | 'advertisedPort'> {
  readonly member: ClusterMember;
  readonly data: string;
}

function properties({ port, advertisedPort = port, member, data }: NodeProperties): string {
  const { nodeId, controllerPort } = member;
  const broker = { role: 'broker', listener: `PLAINTEXT://127.0.0.1:${port}` };
  const controller = { role: 'controller', listener: `CONTROLLER://127.0.0.1:${controllerPort}` };
  const node = nodeId === 1 ? [broker, controller] : [broker];
  return `${Object.entries({
    'process.roles': node.map(({ role }) => role).join(','),
    'node.id': String(nodeId),
    listeners: node.map(({ listener }) => listener).join(','),
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${advertisedPort}`,
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'log.dirs': data,
    // Topics are created on purpose, with their partition count, never by a client's typing error.
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '3',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '3',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    // A consumer that starts need not wait for others that might join: there are none.
    'group.initial.rebalance.delay.ms': '0',
    // Tests of consumers that die need not wait for the 6 s that the broker insists on otherwise.
    'group.min.session.timeout.ms': '1000',
    // After a kill -9 the controller holds the dead broker's registration this long (9 s by default) before it lets the
    // new one in.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '1000',
    // A broker of several that comes back leads its partitions again after seconds, and not after 5 min.
    'leader.imbalance.check.interval.seconds': '1',
    // Half of the heap otherwise.
    'log.cleaner.dedupe.buffer.size': String(16 * 1024 * 1024),
  })
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`;
}

const LOGGING = `rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1} %m%n
logger.server.name = kafka.server
logger.server.level = info
`;
