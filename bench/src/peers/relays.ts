import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { downloadsDirectory } from '@order-payments/local/directories.ts';
import { dataDirectory } from '@order-payments/local/infrastructure/postgres-files.ts';
import { asSuperuser, databaseUrl, serviceDatabase } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { startPostgres } from '@order-payments/local/infrastructure/postgres.ts';
import { createTopics } from '@order-payments/local/infrastructure/topics.ts';
import { migrateStep } from '@order-payments/local/parts.ts';
import { freePort } from '@order-payments/local/ports.ts';
import { runTied, spawnTied } from '@order-payments/local/process/spawn-tied.ts';
import { endOffsets } from '@order-payments/local/test-kit/consumer-groups.ts';
import { eventually } from '@order-payments/local/test-kit/eventually.ts';
import { createTemporaryDirectory } from '@order-payments/local/test-kit/temporary-directory.ts';
import { CorrectnessError } from '../measure.ts';
import { HANG_MS, rateOf, untilDone } from '../progress.ts';
import type { Rig } from '../rig.ts';
import { installPeer } from './peer.ts';

const DATABASE = 'relayed';

/** A relay under test: how its outbox is filled, and the process that drains it into the topic. */
interface Relay {
  readonly name: string;
  fill(events: number): Promise<void>;
  start(): Promise<ChildProcess>;
}

/**
 * A PostgreSQL of its own with wal_level = logical, which two of the peers need, so that all relays have the same one. Ours
 * runs there under the same settings.
 */
export async function openRelays(
  rig: Rig,
  names: readonly string[],
): Promise<{ drain(name: string, events: number): Promise<number>; close(): Promise<void> }> {
  const directory = await createTemporaryDirectory();
  const port = await freePort();
  const directories = { logs: join(directory, 'logs'), pids: join(directory, 'run') };
  const options = {
    name: 'postgres-relays',
    port,
    directory: join(directory, 'postgres'),
    databases: [serviceDatabase('orders')],
    durable: true,
  };
  const first = await startPostgres(options, directories);
  await asSuperuser(port, 'postgres', (client) => client.query('alter system set wal_level = logical'));
  first.kill('SIGINT');
  await first.exited;
  const postgres = await startPostgres(options, directories);
  const makers = relayMakers(rig, port, directory);
  const relays = names.map((name) => {
    const make = makers[name];
    if (make === undefined) throw new Error(`there is no relay ${name}`);
    return make();
  });
  await createTopics(rig.brokers, relays.map(topicOf));
  return {
    drain: async (name, events) => {
      const relay = relays.find((each) => each.name === name);
      if (relay === undefined) throw new Error(`there is no relay ${name}`);
      return await drain(rig, port, relay, events);
    },
    close: async () => {
      postgres.kill('SIGQUIT');
      await postgres.exited;
      await rm(dataDirectory(options.directory), { recursive: true, force: true });
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const topicOf = ({ name }: { name: string }): string => `bench.relay.${name}`;

/** By their names; the program of a peer is installed when it is made. */
function relayMakers(rig: Rig, port: number, directory: string): Readonly<Record<string, () => Relay>> {
  const environment = (name: string, events = 0) => ({
    DATABASE_URL: databaseUrl(port, DATABASE, 'postgres'),
    BROKERS: rig.brokers,
    TOPIC: topicOf({ name }),
    EVENTS: String(events),
  });
  const program = (name: string): Relay => {
    const home = installPeer(name, rig.say);
    const run = (mode: string, events?: number) => ({
      file: process.execPath,
      args: [join(home, 'run.mjs'), mode],
      cwd: home,
      env: environment(name, events),
    });
    return {
      name,
      fill: async (events) => void (await runTied(run('fill', events))),
      start: async () => spawnTied(run('relay'), ['ignore', 'ignore', 'inherit']),
    };
  };
  const fillOutbox = async (topic: string, events: number): Promise<void> =>
    await asSuperuser(port, DATABASE, async (client) => {
      await client.query(
        `insert into outbox (event_id, topic, key, payload)
         select gen_random_uuid(), $1, ('00000000-0000-4000-8000-' || lpad(to_hex(n % 10000), 12, '0')), decode(repeat(md5(n::text), 12), 'hex')
         from generate_series(1, $2::int) as n`,
        [topic, events],
      );
    });
  return {
    ours: () => ({
      name: 'ours',
      fill: async (events) => {
        await runTied(await migrateStep('orders', databaseUrl(port, DATABASE, 'orders_owner'), []).command());
        await fillOutbox(topicOf({ name: 'ours' }), events);
      },
      start: async () =>
        spawnTied(
          {
            file: process.execPath,
            args: ['services/outbox-relay/src/main.ts'],
            env: {
              RELAY_NAME: 'bench',
              METRICS_PORT: String(await freePort()),
              DATABASE_URL: databaseUrl(port, DATABASE, 'orders_relay'),
              KAFKA_BROKERS: rig.brokers,
              LOG_LEVEL: 'error',
            },
          },
          ['ignore', 'ignore', 'inherit'],
        ),
    }),
    'delete-in-transaction': () => program('delete-in-transaction'),
    'pg-transactional-outbox': () => program('pg-transactional-outbox'),
    debezium: () => debezium(rig, port, { directory, fillOutbox, environment }),
  };
}

function debezium(
  rig: Rig,
  port: number,
  shared: {
    directory: string;
    fillOutbox: (topic: string, events: number) => Promise<void>;
    environment: (name: string) => Record<string, string>;
  },
): Relay {
  const name = 'debezium';
  const offsets = join(shared.directory, 'debezium-offsets');
  return {
    name,
    fill: async (events) => {
      await rm(offsets, { force: true });
      await runTied(await migrateStep('orders', databaseUrl(port, DATABASE, 'orders_owner'), []).command());
      await asSuperuser(port, DATABASE, async (client) => {
        await client.query(`create publication ${DATABASE}_publication for table outbox with (publish = 'insert')`);
        await client.query(`select pg_create_logical_replication_slot('${DATABASE}_slot', 'pgoutput')`);
      });
      await shared.fillOutbox(topicOf({ name }), events);
    },
    start: async () => {
      const classPath = await compileDebezium(rig);
      return spawnTied(
        {
          file: 'java',
          args: ['-Xmx1g', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', classPath, 'Relay'],
          env: { ...shared.environment(name), OFFSETS_FILE: offsets },
        },
        ['ignore', 'ignore', 'inherit'],
      );
    },
  };
}

/** Fetched with Maven and compiled once; the machine's Java has to be a JDK. */
async function compileDebezium(rig: Rig): Promise<string> {
  const source = join(import.meta.dirname, '..', '..', 'peers', 'debezium');
  const version = /<artifactId>debezium-embedded<\/artifactId>\s*<version>([^<]+)</.exec(
    readFileSync(join(source, 'pom.xml'), 'utf8'),
  )?.[1];
  const home = join(downloadsDirectory, `debezium-${version}`);
  const classPath = [join(home, 'classes'), join(home, 'libs', '*')].join(':');
  if (!existsSync(join(home, 'libs', 'downloaded'))) {
    rig.say('Downloading Debezium with Maven (once)');
    const libraries = ['-DincludeScope=runtime', `-DoutputDirectory=${join(home, 'libs')}`];
    await runTied({
      file: 'mvn',
      args: ['-B', '-q', '-f', join(source, 'pom.xml'), 'dependency:copy-dependencies', ...libraries],
    });
    copyFileSync(join(source, 'pom.xml'), join(home, 'libs', 'downloaded'));
  }
  await runTied({ file: 'javac', args: ['-cp', classPath, '-d', join(home, 'classes'), join(source, 'Relay.java')] });
  return classPath;
}

/** Events a second from a full outbox into the topic. */
async function drain(rig: Rig, port: number, relay: Relay, events: number): Promise<number> {
  await asSuperuser(port, 'postgres', async (client) => {
    // The server's end of a replication may outlive the process that it served.
    await client.query('select pg_terminate_backend(active_pid, 10000) from pg_replication_slots where active');
    await client.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots');
    await client.query(`drop database if exists ${DATABASE} with (force)`);
    await client.query(`create database ${DATABASE} owner orders_owner`);
  });
  await asSuperuser(port, DATABASE, (client) => client.query('alter schema public owner to orders_owner'));
  await relay.fill(events);
  await asSuperuser(port, DATABASE, (client) =>
    client.query('vacuum analyze; checkpoint').catch(() => client.query('checkpoint')),
  );
  const records = async (): Promise<number> =>
    (await endOffsets(rig.brokers, topicOf(relay))).reduce((sum, end) => sum + Number(end), 0);
  const before = await records();
  const child = await relay.start();
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  try {
    const hasBegun = async (): Promise<void> => {
      if ((await records()) === before) throw new CorrectnessError(`${relay.name} publishes nothing`);
    };
    await eventually(hasBegun, { timeoutMs: HANG_MS });
    const marks = await untilDone(async () => (await records()) - before, events);
    return rateOf(marks, events);
  } finally {
    // Ended in order, so that a slot is free again; what does not end is killed.
    child.kill('SIGTERM');
    const killed = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await exited;
    clearTimeout(killed);
  }
}
