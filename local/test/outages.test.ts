import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { databaseUrl, SUPERUSER } from '../src/infrastructure/postgres-roles.ts';
import { startPlatform } from '../src/platform.ts';
import type { Platform } from '../src/platform.ts';
import type { SupervisorEvent } from '../src/process/supervisor.ts';
import type { Operated } from '../src/test-kit/run-ops.ts';
import { createTemporaryDirectory } from '../src/test-kit/temporary-directory.ts';
import { expectAllRight } from './judge.ts';
import { Shoppers } from './shoppers.ts';

// The whole platform with infrastructure of its own, as `npm start` runs it: other tests would miss theirs.

const MINUTE_MS = 60_000;
const OUTAGE_MS = 4_000;
const services = ['gateway', 'orders', 'payments', 'outbox-relay-orders', 'outbox-relay-payments'];

let directory: string;
let platform: Platform;
let shoppers: Shoppers;
const deaths: SupervisorEvent[] = [];

beforeAll(async () => {
  directory = await createTemporaryDirectory();
  platform = await startPlatform({
    ports: 'ephemeral',
    directory,
    durable: false,
    extraEnv: { LOG_LEVEL: 'warn' },
    // So that a lost event stays lost and shows: no sweeper tells it again.
    partEnv: { orders: { SWEEP_OVERDUE_MS: '3600000' } },
    onEvent: (event) => {
      if (event.type === 'died') deaths.push(event);
    },
  });
  shoppers = await Shoppers.open(urlOf(platform));
}, 3 * MINUTE_MS);

afterAll(async () => {
  await platform.stop();
  for (const path of [...platform.dataDirectories, directory])
    await rm(path, { recursive: true, force: true, maxRetries: 5 });
}, MINUTE_MS);

describe('while orders and top-ups are under way', () => {
  test.each([['kafka'], ['postgres-orders'], ['postgres-payments'], ['registry']])(
    '%s is killed and comes back: no process ends, and everything is settled',
    async (name) => {
      deaths.length = 0;
      shoppers.begin();
      await sleep(500);
      await outage(name, () => sleep(OUTAGE_MS));
      await shoppers.rest();
      await expectAllRight(whatToJudge(), shoppers);
      // The registry's own storage goes with the orders' database; whether it ends then is its affair.
      expect(deaths.filter(({ part }) => services.includes(part))).toEqual([]);
    },
    2 * MINUTE_MS,
  );

  test(
    'processes that are killed while all infrastructure is away wait for it and start without help',
    async () => {
      deaths.length = 0;
      shoppers.begin();
      await sleep(500);
      await outage('kafka', () =>
        outage('registry', () =>
          outage('postgres-payments', () =>
            outage('postgres-orders', async () => {
              for (const name of services) platform.part(name).kill('SIGKILL');
              await sleep(OUTAGE_MS);
            }),
          ),
        ),
      );
      for (const name of services) await platform.part(name).untilReady(MINUTE_MS);
      await shoppers.rest();
      await expectAllRight(whatToJudge(), shoppers);
      const died = deaths.map(({ part }) => part).filter((part) => services.includes(part));
      expect(died.sort()).toEqual([...services].sort());
    },
    3 * MINUTE_MS,
  );
});

/** Kills the part, keeps it away while the work lasts, and starts it again. */
async function outage(name: string, work: () => Promise<void>): Promise<void> {
  const part = platform.part(name);
  part.kill('SIGKILL');
  await part.stop();
  await work();
  part.start();
  await part.untilReady(MINUTE_MS);
}

function urlOf({ ports }: Platform): string {
  return `http://127.0.0.1:${ports.http}`;
}

function whatToJudge(): Operated<'ops' | 'superuser'> & { url: string } {
  const { ordersDatabase, paymentsDatabase } = platform.surroundings;
  return {
    url: urlOf(platform),
    surroundings: platform.surroundings,
    databases: {
      orders: { urls: urlsOf(ordersDatabase, 'orders') },
      payments: { urls: urlsOf(paymentsDatabase, 'payments') },
    },
  };
}

function urlsOf(database: { port: number; name: string }, service: string): { ops: string; superuser: string } {
  const urlFor = (role: string): string => databaseUrl(database.port, database.name, role);
  return { ops: urlFor(`${service}_ops`), superuser: urlFor(SUPERUSER) };
}
