import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { repositoryRoot } from '../src/directories.ts';
import type { Exit } from '../src/process/run-part.ts';
import { startServices } from '../src/test-kit/start-services.ts';
import type { TestServices } from '../src/test-kit/start-services.ts';
import { arm, disarm, ends, partOf, recover, startAlone } from './armed-part.ts';
import type { ArmedPart } from './armed-part.ts';
import { connect, expectAllRight } from './judge.ts';
import { Shoppers } from './shoppers.ts';
import {
  allSeams,
  callInstants,
  gatewayInstants,
  relayInstants,
  sweeperInstants,
} from '../src/test-kit/worst-instants.ts';
import type { Instant } from '../src/test-kit/worst-instants.ts';

const MINUTE_MS = 60_000;

/** So that a lost event stays lost and shows: no sweeper tells it again. */
const noSweep = { SWEEP_OVERDUE_MS: '3600000' };
const hasty = { SWEEP_OVERDUE_MS: '500', SWEEP_INTERVAL_MS: '200', SWEEP_BACKOFF_MS: '1000' };

let services: TestServices;
let shoppers: Shoppers;

beforeAll(async () => {
  services = await startServices({
    env: { LOG_LEVEL: 'warn', KAFKA_SESSION_TIMEOUT_MS: '3000' },
    partEnv: { orders: noSweep },
  });
  shoppers = await Shoppers.open(services.url);
}, 2 * MINUTE_MS);

afterEach(async () => {
  await disarm(services);
  // What a failed test left under way has told what it had to.
  await shoppers.rest().catch(() => undefined);
}, MINUTE_MS);

afterAll(() => services.stop(), MINUTE_MS);

test('every seam in the code is in the table of the worst instants, and the other way round', () => {
  const uses = execFileSync('git', ['grep', '-hoE', "\\bseam\\('[^']+'\\)", '--', '*/src/**.ts'], {
    cwd: repositoryRoot,
    encoding: 'utf8',
  });
  const inCode = new Set([...uses.matchAll(/'(.+)'/g)].map((match) => match[1]));
  expect([...inCode].sort()).toEqual([...allSeams].sort());
});

/** What dies at which instant in the same round; the others go on. */
type Round = ReadonlyArray<{ readonly part: string } & Instant>;

const rounds: readonly Round[] = relayInstants.map((relayInstant, round) => {
  const at = (part: string, instant: Instant | undefined): Round => (instant ? [{ part, ...instant }] : []);
  return [
    ...at('gateway', gatewayInstants[round]),
    ...at('orders', callInstants.orders[round]),
    ...at('payments', callInstants.payments[round]),
    ...at('outbox-relay-orders', relayInstant),
    ...at('outbox-relay-payments', relayInstant),
  ];
});
const nameOf = (round: Round): string => round.map(({ part, seam }) => `${part} at ${seam}`).join(', ');

test('every instant of a call and of the relays is in one of the rounds', () => {
  const instants = [...gatewayInstants, ...callInstants.orders, ...callInstants.payments, ...relayInstants];
  const inRounds = new Set(rounds.flat().map(({ seam }) => seam));
  expect(instants.filter(({ seam }) => !inRounds.has(seam))).toEqual([]);
});

describe('while orders and top-ups are under way', () => {
  test.each(rounds.map((round) => [nameOf(round), round] as const))(
    'kill -9 of %s loses nothing and doubles nothing',
    async (_, round) => {
      const doomed = await Promise.all(round.map(({ part, seam }) => arm(services, part, { seam })));
      const interruptedBefore = shoppers.interrupted();
      shoppers.begin();
      await Promise.all(doomed.map((armed) => endAndRecover(armed, { code: null, signal: 'SIGKILL' })));
      await shoppers.rest();
      const repeated = shoppers.interrupted() - interruptedBefore;
      expect(repeated > 0).toBe(round.some(({ part }) => !part.startsWith('outbox-relay')));
      await expectAllRight(services, shoppers);
    },
    3 * MINUTE_MS,
  );

  test(
    'SIGTERM at each of these instants ends the process in order, and all the rest goes on',
    async () => {
      shoppers.begin();
      for (const round of rounds)
        await Promise.all(
          round.map(async ({ part, seam }) =>
            endAndRecover(await arm(services, part, { seam, signal: 'SIGTERM' }), { code: 0, signal: null }),
          ),
        );
      await shoppers.rest();
      await expectAllRight(services, shoppers);
    },
    2 * MINUTE_MS,
  );
});

describe('while the sweeper looks after an order whose event was lost', () => {
  test.each(sweeperInstants.flatMap((instant) => ends.map((end) => ({ ...instant, ...end }))))(
    '$signal at $seam ($when) leaves the order to the next one, who settles it once',
    async ({ seam, signal, end }) => {
      await loseAnEvent();
      const doomed = await arm(services, 'orders', { seam, signal, env: hasty });
      expect(await doomed.ended()).toEqual(end);
      const next = await startAlone(services, partOf(services, 'orders', hasty));
      await expectAllRight(services, shoppers);
      expect(await next.stop()).toEqual({ code: 0, signal: null });
      await recover(services, 'orders');
    },
    3 * MINUTE_MS,
  );
});

/** Resolves when the part has come to its seam, ended as expected, and is back with nothing armed. */
async function endAndRecover(armed: ArmedPart, exit: Exit): Promise<void> {
  expect([armed.part.name, await armed.ended()]).toEqual([armed.part.name, exit]);
  await recover(services, armed.part.name);
}

/** Places an order and takes its event from the outbox before the relay sees it. */
async function loseAnEvent(): Promise<void> {
  const relay = services.part('outbox-relay-orders');
  relay.kill('SIGSTOP');
  await shoppers.client.order({ userId: shoppers.users[0] ?? '', amount: 7, description: 'its event is lost' });
  const orders = await connect(services.databases.orders.urls.superuser);
  const { rowCount } = await orders.query('delete from outbox');
  expect(rowCount).toBe(1);
  await orders.end();
  relay.kill('SIGCONT');
}
