import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataDirectory, giveToPostgres } from '@order-payments/local/infrastructure/postgres-files.ts';
import { asSuperuser, serviceDatabase } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { startPostgres } from '@order-payments/local/infrastructure/postgres.ts';
import { freePort, infrastructure } from '@order-payments/local/test-kit/infrastructure.ts';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { databaseConfig, loadConfig } from '../src/config.ts';
import { campaign } from '../src/db/leadership.ts';
import { migrate } from '../src/db/migrate.ts';
import { createPool, sql } from '../src/db/pool.ts';
import { createKafka } from '../src/kafka/client.ts';
import { runProcess } from '../src/lifecycle.ts';
import { createLogger } from '../src/logger.ts';
import { createWakeUp, listenForWakeUp } from '../src/outbox/wake-up.ts';
import { filesOf, kafkaTls, secureDatabaseUrl, untilChanged, withDatabaseCa } from '../src/tls.ts';
import { createAuthority, type Authority } from './certificates.ts';

const logger = createLogger({ service: 'test', level: 'fatal' });
let directory: string;
let right: Authority;
let wrong: Authority;

beforeAll(async () => {
  const { directory: runDirectory } = await infrastructure();
  directory = join(runDirectory, `tls-${await freePort()}`);
  await mkdir(directory, { mode: 0o711 });
  right = createAuthority(directory, 'right');
  wrong = createAuthority(directory, 'wrong');
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

describe('a database that speaks TLS', () => {
  let port: number;
  let stop: () => Promise<unknown>;
  // The server's certificate names the address 127.0.0.1 and not the name localhost.
  const url = (host = '127.0.0.1'): string => `postgresql://orders_service:local@${host}:${port}/orders`;

  beforeAll(async () => {
    port = await freePort();
    const data = join(directory, 'postgres');
    const postgres = await startPostgres(
      { name: 'postgres', port, directory: data, databases: [serviceDatabase('orders')], durable: false },
      { logs: directory, pids: directory },
    );
    stop = async () => {
      await postgres.stop();
      await rm(dataDirectory(data), { recursive: true, force: true });
    };
    const { cert, key } = right.issue('server', 'IP:127.0.0.1');
    await chmod(key, 0o600);
    await giveToPostgres(key);
    await asSuperuser(port, 'orders', async (client) => {
      await client.query(`alter system set ssl_cert_file = '${cert}'`);
      await client.query(`alter system set ssl_key_file = '${key}'`);
      await client.query('alter system set ssl = on');
      await client.query('select pg_reload_conf()');
    });
  });

  afterAll(async () => await stop());

  const sessions = async (): Promise<Array<{ name: string; ssl: boolean }>> =>
    await asSuperuser(port, 'orders', async (client) => {
      const { rows } = await client.query<{ name: string; ssl: boolean }>(
        `select application_name as name, ssl from pg_stat_ssl join pg_stat_activity using (pid)
         where usename = 'orders_service' order by 1`,
      );
      return rows;
    });

  const openPool = async (databaseUrl: string) =>
    await createPool({ url: databaseUrl, applicationName: 'pool', size: 1 });

  test('every kind of session is encrypted and verified by the CA of the environment', async () => {
    const schema = z.object(databaseConfig).transform(withDatabaseCa);
    const config = loadConfig(schema, { DATABASE_URL: url(), DATABASE_CA_FILE: right.file });
    const databaseUrl = config.DATABASE_URL;
    const pool = await openPool(databaseUrl);
    const stopping = new AbortController();
    const leading = Promise.withResolvers<void>();
    const heard = Promise.withResolvers<void>();
    const running = campaign({
      databaseUrl,
      name: 'tls',
      logger,
      stopping: stopping.signal,
      lead: async (signal) => {
        leading.resolve();
        await once(signal, 'abort');
      },
    });
    const listener = listenForWakeUp({ databaseUrl, logger, onWake: heard.resolve });
    const wakeUp = createWakeUp({ databaseUrl, logger });
    try {
      await pool.query(sql.unsafe`select 1`);
      await Promise.all([leading.promise, heard.promise]);
      const deadline = Date.now() + 10_000;
      let seen = await sessions();
      while (seen.length < 4 && Date.now() < deadline) seen = await sessions();
      expect(seen).toEqual([
        { name: 'outbox-listen', ssl: true },
        { name: 'outbox-wake-up', ssl: true },
        { name: 'pool', ssl: true },
        { name: 'tls leadership', ssl: true },
      ]);
    } finally {
      stopping.abort();
      await Promise.all([running.ended, listener.stop(), wakeUp.stop(), pool.end()]);
    }
  });

  test('a server whose certificate another CA signed is refused', async () => {
    const databaseUrl = secureDatabaseUrl(url(), wrong.file);
    await expect(openPool(databaseUrl)).rejects.toThrow();
    await expect(migrate({ databaseUrl, directory, logger })).rejects.toThrow(/certificate/);
  });

  test('a server whose certificate names another host is refused', async () => {
    const databaseUrl = secureDatabaseUrl(url('localhost'), right.file);
    await expect(openPool(databaseUrl)).rejects.toThrow();
    await expect(migrate({ databaseUrl, directory, logger })).rejects.toThrow(/altnames/);
  });

  test('a URL that asks for less than verification does not get it', async () => {
    for (const weak of ['sslmode=no-verify', 'sslmode=disable', 'uselibpqcompat=true&sslmode=require', 'ssl=0']) {
      await expect(openPool(secureDatabaseUrl(`${url()}?${weak}`, wrong.file))).rejects.toThrow();
      await expect(
        migrate({ databaseUrl: secureDatabaseUrl(`${url()}?${weak}`, wrong.file), directory, logger }),
      ).rejects.toThrow(/certificate/);
    }
  });
});

describe('Kafka with TLS', () => {
  let server: Server;
  let address: string;
  const clients: Array<{ authorized: boolean; name: string }> = [];

  // Enough of a broker to see how it is met: a real one with TLS is what the e2e suites have.
  beforeAll(async () => {
    const { cert, key } = right.issue('broker', 'DNS:localhost,IP:127.0.0.1');
    server = createServer(
      {
        cert: readFileSync(cert),
        key: readFileSync(key),
        ca: readFileSync(right.file),
        requestCert: true,
        rejectUnauthorized: false,
      },
      (socket) => {
        clients.push({ authorized: socket.authorized, name: String(socket.getPeerCertificate().subject?.CN) });
        socket.end();
      },
    );
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    address = `localhost:${(server.address() as AddressInfo).port}`;
  });

  afterAll(() => void server.close());

  const meet = async (caFile: string): Promise<void> => {
    const { cert, key } = right.issue('client', 'DNS:client');
    const tls = kafkaTls({ KAFKA_CA_FILE: caFile, KAFKA_CERT_FILE: cert, KAFKA_KEY_FILE: key });
    const admin = createKafka({ clientId: 'test', brokers: [address], tls, logger, retries: 0 }).admin();
    await expect(admin.connect().then(() => admin.listTopics())).rejects.toThrow();
    await admin.disconnect();
  };

  test('shows its certificate to brokers of the right CA only', async () => {
    await meet(wrong.file);
    expect(clients).toEqual([]);
    await meet(right.file);
    expect(clients[0]).toEqual({ authorized: true, name: 'client' });
  });

  test('is plain when no file is named, and refuses half a pair', () => {
    expect(kafkaTls({})).toBeUndefined();
    expect(() => kafkaTls({ KAFKA_CERT_FILE: right.file })).toThrow('KAFKA_CERT_FILE and KAFKA_KEY_FILE are one pair');
  });
});

describe('a mounted file that changes', () => {
  const times = { intervalMs: 20, spreadMs: 20 };

  // As the kubelet mounts a secret: the file is a link through a link that is swapped.
  const mount = async (
    name: string,
    content: string,
  ): Promise<{ file: string; swap: (next: string) => Promise<void> }> => {
    const volume = join(directory, name);
    let version = 0;
    const swap = async (next: string): Promise<void> => {
      const target = `v${version++}`;
      await mkdir(join(volume, target), { recursive: true });
      await writeFile(join(volume, target, 'ca.crt'), next);
      await symlink(target, join(volume, '..data.new'));
      await rename(join(volume, '..data.new'), join(volume, '..data'));
    };
    await swap(content);
    await symlink('..data/ca.crt', join(volume, 'ca.crt'));
    return { file: join(volume, 'ca.crt'), swap };
  };

  test('ends the process in order with exit code 0', async () => {
    const secret = await mount('changing', 'old');
    const exited = Promise.withResolvers<number>();
    const stopped: string[] = [];
    const running = runProcess(
      { logger, files: filesOf({ DATABASE_CA_FILE: secret.file }), watchTimes: times, exit: exited.resolve },
      async (lifecycle) => lifecycle.onStop('part', async () => void stopped.push('part')),
    );
    await secret.swap('new');
    expect(await exited.promise).toBe(0);
    expect(stopped).toEqual(['part']);
    await running;
  });

  test('is told by its content: a swap to the same content, or a file that is away, is no change', async () => {
    const secret = await mount('same', 'same');
    const aborting = new AbortController();
    const watching = untilChanged([secret.file], aborting.signal, times);
    await secret.swap('same');
    await new Promise((resolve) => setTimeout(resolve, 200));
    await rm(secret.file);
    await new Promise((resolve) => setTimeout(resolve, 200));
    aborting.abort();
    expect(await watching).toBe(false);
  });

  test('is watched when its variable ends in _FILE', () => {
    expect(
      filesOf({ DATABASE_URL: 'postgresql://x', DATABASE_CA_FILE: '/ca', KAFKA_KEY_FILE: '/key', LOG_FILE: undefined }),
    ).toEqual(['/ca', '/key']);
  });
});
