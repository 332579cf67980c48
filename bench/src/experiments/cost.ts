import { endOffsets } from '@order-payments/local/test-kit/consumer-groups.ts';
import type pg from 'pg';
import { beginAnew, USERS } from '../data.ts';
import { openShop } from '../load/shop.ts';
import type { Experiment, Readings } from '../measure.ts';
import { processorUs } from '../processes.ts';
import { growthOf, untilDone } from '../progress.ts';
import type { Rig } from '../rig.ts';
import { expectSold } from '../verify.ts';

const IDLE_SECONDS = 5;
const CLIENTS = 128;

/** No goal: what one order costs each process, in processor time, bytes and messages. For docs/capacity.md. */
export const cost: Experiment = {
  name: 'cost',
  pairs: 1,
  goals: [],
  async open(rig) {
    return {
      steps: [
        { name: 'idle', run: async () => await measureIdle() },
        { name: 'busy', run: async () => await measureBusy() },
      ],
      close: async () => undefined,
    };
    async function measureIdle(): Promise<Readings> {
      const before = processorUs(rig);
      await new Promise((resolve) => setTimeout(resolve, IDLE_SECONDS * 1_000));
      return perUnit(before, processorUs(rig), IDLE_SECONDS * 10_000, 'idle %');
    }
    async function measureBusy(): Promise<Readings> {
      await beginAnew(rig, USERS);
      const settled = await growthOf(rig.platform.ports.ordersMetrics, 'orders_settled_total');
      const shop = openShop(rig.url, USERS);
      // What is compiled and opened once is no order's cost.
      const warm = await shop.closedLoop(CLIENTS, Math.ceil(rig.effort.seconds / 4));
      await untilDone(settled, warm.accepted.length);
      const settledBefore = await settled();
      const [before, bytesBefore] = [processorUs(rig), await bytesOf(rig)];
      const sales = await shop.closedLoop(CLIENTS, rig.effort.seconds);
      await untilDone(settled, warm.accepted.length + sales.accepted.length);
      const orders = (await settled()) - settledBefore;
      const [after, bytesAfter] = [processorUs(rig), await bytesOf(rig)];
      await shop.close();
      await expectSold(rig, [warm, sales]);
      const bytes = Object.entries(bytesAfter).map(([name, value]) => [
        `${name} per order`,
        (value - (bytesBefore[name] ?? 0)) / orders,
      ]);
      return { ...perUnit(before, after, orders, 'us per order'), ...(Object.fromEntries(bytes) as Readings) };
    }
  },
};

function perUnit(before: Map<string, number>, after: Map<string, number>, units: number, name: string): Readings {
  return Object.fromEntries(
    [...after].map(([part, used]) => [`${part} ${name}`, (used - (before.get(part) ?? 0)) / units]),
  );
}

async function bytesOf(rig: Rig): Promise<Record<string, number>> {
  const { orders, payments } = rig.platform.surroundings.topics;
  const messages = async (topic: string): Promise<number> =>
    (await endOffsets(rig.brokers, topic)).reduce((sum, end) => sum + Number(end), 0);
  const wal = async (database: pg.Client): Promise<number> =>
    await number(database, `select pg_current_wal_lsn() - '0/0' as value`);
  const disk = async (database: pg.Client, tables: string): Promise<number> =>
    await number(
      database,
      `select sum(pg_total_relation_size(t::regclass)) as value from unnest('{${tables}}'::text[]) as t`,
    );
  return {
    'WAL bytes of orders': await wal(rig.orders),
    'WAL bytes of payments': await wal(rig.payments),
    'disk bytes of orders': await disk(rig.orders, 'orders'),
    "disk bytes of orders' inbox": await disk(rig.orders, 'inbox'),
    'disk bytes of payments': await disk(rig.payments, 'accounts,transactions,payments'),
    "disk bytes of payments' inbox": await disk(rig.payments, 'inbox'),
    'messages of orders.events': await messages(orders),
    'messages of payments.events': await messages(payments),
  };
}

async function number(database: pg.Client, query: string): Promise<number> {
  const { rows } = await database.query<{ value: string }>(query);
  return Number(rows[0]?.value);
}
