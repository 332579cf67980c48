import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startKafka } from '../src/infrastructure/kafka.ts';
import { dataDirectory } from '../src/infrastructure/postgres-files.ts';
import { asSuperuser, serviceDatabase } from '../src/infrastructure/postgres-roles.ts';
import { startPostgres } from '../src/infrastructure/postgres.ts';
import { PARTITIONS, withKafkaAdmin } from '../src/infrastructure/topics.ts';
import { createDatabase, freePort, infrastructure } from '../src/test-kit/infrastructure.ts';
import pg from 'pg';

let directory: string;

beforeEach(async () => {
  const { directory: runDirectory } = await infrastructure();
  directory = join(runDirectory, `infrastructure-${await freePort()}`);
  await mkdir(directory, { mode: 0o711 });
});

afterEach(async () => {
  await rm(dataDirectory(join(directory, 'postgres')), { recursive: true, force: true });
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

describe('PostgreSQL', () => {
  test('comes back with its data after a kill -9', async () => {
    const port = await freePort();
    const start = () =>
      startPostgres(
        {
          name: 'postgres',
          port,
          directory: join(directory, 'postgres'),
          databases: [serviceDatabase('orders')],
          durable: true,
        },
        { logs: directory, pids: directory },
      );
    const first = await start();
    await asSuperuser(port, 'orders', (client) => client.query('create table kept as select 42 as answer'));
    first.kill('SIGKILL');
    await first.exited;
    const second = await start();
    const { rows } = await asSuperuser(port, 'orders', (client) => client.query('select answer from kept'));
    expect(rows).toEqual([{ answer: 42 }]);
    expect(await second.stop()).toEqual({ code: 0, signal: null });
  });

  test('gives each test a database with the roles of its service', async () => {
    const database = await createDatabase('payments');
    const client = new pg.Client(database.urls.service);
    await client.connect();
    const { rows } = await client.query('select current_user::text as role, current_database()::text as database');
    expect(rows).toEqual([{ role: 'payments_service', database: database.name }]);
    await client.end();
    await database.drop();
  });
});

describe('Kafka', () => {
  test('comes back with its topics after a kill -9', async () => {
    const port = await freePort();
    const say = (): void => undefined;
    const start = () =>
      startKafka(
        { name: 'kafka', port, directory: join(directory, 'kafka'), topics: ['some.events'], say },
        { logs: directory, pids: directory },
      );
    const first = await start();
    first.kill('SIGKILL');
    await first.exited;
    const second = await start();
    const { topics } = await withKafkaAdmin(`127.0.0.1:${port}`, (admin) => admin.fetchTopicMetadata());
    expect(topics.map(({ name, partitions }) => [name, partitions.length])).toEqual([['some.events', PARTITIONS]]);
    await second.stop();
  });
});
