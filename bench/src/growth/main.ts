import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { platformDirectory, repositoryRoot } from '@order-payments/local/directories.ts';
import { databaseUrl, type Service } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { fillAccounts, truncateAll } from '../data.ts';
import { isWhole, median, quickEffort, wholeEffort } from '../measure.ts';
import { describeMachine } from '../report/machine.ts';
import { FLOOR_DATABASE, openRig, stopParts, type Rig } from '../rig.ts';
import { timeDrain } from './backlog.ts';
import { timePollsOverDeadRows } from './dead-rows.ts';
import { timePages, type ListTimes } from './pages.ts';
import { weighReconcile } from './reconcile.ts';
import { seedHistory, usersOf } from './seed.ts';
import { openServices, type OrderCost, type Services } from './services.ts';

const SMALL = 1_000;
// The small tables are emptied when they have so many orders.
const SMALL_ORDERS_MAX = 50_000;
// Of a server for databases of this size: ci/high-availability-values.yaml.
const POSTGRES_SETTINGS = ['shared_buffers=1GB', 'max_wal_size=8GB'];

interface Size {
  readonly orders: number;
  readonly backlog: number;
  readonly pairs: number;
  readonly ordersARun: number;
  readonly drainSeconds: number;
  readonly pollSeconds: number;
}

// After a checkpoint each page is written whole the first time. The log between two (max_wal_size) holds 2 * 10^6 orders, so that a
// run of these has more than its share of that.
const wholeSize: Size = {
  orders: 10_000_000,
  backlog: 1_000_000,
  pairs: 5,
  ordersARun: 400_000,
  drainSeconds: 8,
  pollSeconds: 20,
};
const quickSize: Size = {
  orders: 20_000,
  backlog: 20_000,
  pairs: 1,
  ordersARun: 5_000,
  drainSeconds: 2,
  pollSeconds: 3,
};

interface Line {
  readonly goal: string;
  readonly what: string;
  readonly small: string;
  readonly large: string;
  readonly ratio: string;
  readonly must: string;
  /** How often both were measured, in turns. */
  readonly pairs: number;
}

interface Choice {
  readonly quick: boolean;
  chosenOr(option: 'orders' | 'backlog' | 'pairs', otherwise: number): number;
}

/**
 * What an order, a page, a poll and a drain cost when the tables are nearly empty, and when they have grown. Returns the exit
 * code.
 */
export async function runGrowth({ quick, chosenOr }: Choice): Promise<number> {
  const base = quick ? quickSize : wholeSize;
  const size: Size = {
    ...base,
    orders: chosenOr('orders', base.orders),
    backlog: chosenOr('backlog', base.backlog),
    pairs: chosenOr('pairs', base.pairs),
  };
  const startedMs = performance.now();
  const say = (message: string): void =>
    void process.stdout.write(`[${((performance.now() - startedMs) / 1000).toFixed(0).padStart(4)} s] ${message}\n`);
  const loadBefore = loadavg();
  const { rig, close } = await openRig(size.pairs === 1 ? quickEffort : wholeEffort, say, {
    postgresSettings: POSTGRES_SETTINGS,
  });
  try {
    // The services' handlers run in here, on both sizes alike; the real ones would take part of the work of one.
    await stopParts(rig, 'gateway', 'orders', 'payments', 'outbox-relay-orders', 'outbox-relay-payments');
    for (const database of [rig.orders, rig.payments])
      await database.query('alter table outbox disable trigger tell_twice');
    const lines = [
      ...(await measureDrain(rig, size, say)),
      ...(await measureDeadRows(rig, size, say)),
      ...(await measureHistory(rig, size, say)),
    ];
    const { line, wrong } = await measureReconciliation(rig, size, say);
    lines.push(line);
    const seconds = Math.round((performance.now() - startedMs) / 1_000);
    await write(rig, { size, loadBefore, lines, wrong, seconds });
    return wrong === undefined ? 0 : 1;
  } finally {
    await close();
  }
}

async function measureHistory(rig: Rig, size: Size, say: (message: string) => void): Promise<Line[]> {
  say(`Seeding ${size.orders} orders`);
  await seedHistory(rig, size.orders);
  say(`Seeded: ${await sizes(rig)}`);
  const small = await openServices(sideOf(rig, FLOOR_DATABASE, rig.floors));
  const large = await openServices(sideOf(rig, { orders: 'orders', payments: 'payments' }, rig));
  try {
    const pages = await timePages(large, rig);
    for (const { list, short, long, deep } of pages)
      say(`page of ${list}: p50 ${ms(short.p50)}, of a long one ${ms(long.p50)}, far down ${ms(deep.p50)}`);
    const costs = await measureCosts(rig, { small, large }, size, say);
    return [...costLines(costs, size), ...pageLines(pages)];
  } finally {
    await small.end();
    await large.end();
  }
}

function sideOf(rig: Rig, names: Readonly<Record<Service, string>>, clients: Pick<Rig, Service>) {
  const url = (service: Service): string => databaseUrl(rig.ports[service], names[service], `${service}_service`);
  return {
    urls: { orders: url('orders'), payments: url('payments') },
    clients: { orders: clients.orders, payments: clients.payments },
    registryUrl: rig.platform.surroundings.schemaRegistryUrl,
  };
}

interface CostPair {
  readonly small: OrderCost;
  readonly large: OrderCost;
}

async function measureCosts(
  rig: Rig,
  services: { small: Services; large: Services },
  size: Size,
  say: (message: string) => void,
): Promise<CostPair[]> {
  const pairs: CostPair[] = [];
  for (let pair = 1; pair <= size.pairs; pair += 1) {
    const small = await smallCost(rig, services.small, size);
    await checkpoint(rig);
    const large = await services.large.pass(size.ordersARun, usersOf(size.orders));
    pairs.push({ small, large });
    say(`pair ${pair}/${size.pairs}: small ${tell(small)}; large ${tell(large)} (load ${loadavg()[0]?.toFixed(1)})`);
  }
  return pairs;
}

const smallOrders = ({ ordersARun }: Size): number => Math.min(SMALL_ORDERS_MAX, ordersARun);

async function smallCost(rig: Rig, services: Services, size: Size): Promise<OrderCost> {
  const orders = smallOrders(size);
  const costs: OrderCost[] = [];
  for (let done = 0; done < size.ordersARun; done += orders) {
    for (const service of ['orders', 'payments'] as const) await truncateAll(rig.floors[service], service);
    await fillAccounts(rig.floors.payments, SMALL);
    await checkpoint(rig);
    costs.push(await services.pass(orders, SMALL));
  }
  const mean = (step: keyof OrderCost): number => costs.reduce((sum, cost) => sum + cost[step], 0) / costs.length;
  return { create: mean('create'), settle: mean('settle'), finish: mean('finish') };
}

async function checkpoint(rig: Rig): Promise<void> {
  for (const client of [rig.orders, rig.payments]) await client.query('checkpoint');
}

const tell = ({ create, settle, finish }: OrderCost): string =>
  `create ${create.toFixed(0)} us, settle ${settle.toFixed(0)} us, finish ${finish.toFixed(0)} us an order`;

function costLines(pairs: readonly CostPair[], size: Size): Line[] {
  const steps = {
    create: 'create an order',
    settle: 'settle an order in Payments',
    finish: 'finish it in Orders',
  } as const;
  return (Object.keys(steps) as Array<keyof typeof steps>).map((step) => ({
    goal: step === 'settle' ? 'P11' : '',
    what: `${steps[step]}: up to ${smallOrders(size).toExponential(0)} orders, and ${size.orders.toExponential(0)}`,
    small: `${median(pairs.map(({ small }) => small[step])).toFixed(0)} us`,
    large: `${median(pairs.map(({ large }) => large[step])).toFixed(0)} us`,
    ratio: median(pairs.map(({ small, large }) => large[step] / small[step])).toFixed(2),
    must: step === 'settle' ? '<= 1.3' : '',
    pairs: pairs.length,
  }));
}

function pageLines(pages: readonly ListTimes[]): Line[] {
  return pages.flatMap(({ list, short, long, deep, depth }) =>
    Object.entries({ 'a long one': long, [`${depth.toLocaleString('en-US')} down a long one`]: deep }).map(
      ([what, times]) => ({
        goal: '',
        what: `page of ${list}: a short history, and ${what} (p50; p99)`,
        small: `${ms(short.p50)}; ${ms(short.p99)}`,
        large: `${ms(times.p50)}; ${ms(times.p99)}`,
        ratio: (times.p50 / short.p50).toFixed(2),
        must: '',
        pairs: 1,
      }),
    ),
  );
}

async function measureDrain(rig: Rig, size: Size, say: (message: string) => void): Promise<Line[]> {
  const drain = async (backlog: number): Promise<number> => {
    const options = { client: rig.floors.orders, relayUrl: relayUrl(rig), brokers: rig.brokers };
    const { microseconds, rowsABatch } = await timeDrain({ ...options, backlog, seconds: size.drainSeconds });
    const load = loadavg()[0]?.toFixed(1);
    say(`drain: ${microseconds.toFixed(1)} us an event of ${backlog}, ${rowsABatch.toFixed(0)} a batch (load ${load})`);
    return microseconds;
  };
  const pairs: Array<{ small: number; large: number }> = [];
  while (pairs.length < Math.min(3, size.pairs))
    pairs.push({ small: await drain(SMALL), large: await drain(size.backlog) });
  return [
    {
      goal: 'P11',
      what: `drain an event: a backlog that is kept at ${SMALL.toExponential(0)}, and at ${size.backlog.toExponential(0)}`,
      small: `${median(pairs.map(({ small }) => small)).toFixed(1)} us`,
      large: `${median(pairs.map(({ large }) => large)).toFixed(1)} us`,
      ratio: median(pairs.map(({ small, large }) => large / small)).toFixed(2),
      must: '<= 1.3',
      pairs: pairs.length,
    },
  ];
}

async function measureDeadRows(rig: Rig, size: Size, say: (message: string) => void): Promise<Line[]> {
  const poll = async (deadRows: number) =>
    await timePollsOverDeadRows({
      client: rig.floors.orders,
      relayUrl: relayUrl(rig),
      superuserUrl: databaseUrl(rig.ports.orders, FLOOR_DATABASE.orders, 'postgres'),
      deadRows,
      seconds: size.pollSeconds,
    });
  const small = await poll(SMALL);
  const large = await poll(size.backlog);
  say(
    `poll over ${size.backlog} dead rows: p50 ${ms(large.p50)}, p99 ${ms(large.p99)}, max ${ms(large.max)} of ${large.polls}`,
  );
  return [
    {
      goal: 'P12',
      what: `relay's poll, from wake-up to sending, under an old snapshot: ${SMALL.toExponential(0)} dead rows, and ${size.backlog.toExponential(0)} (p99; most)`,
      small: `${ms(small.p99)}; ${ms(small.max)}`,
      large: `${ms(large.p99)}; ${ms(large.max)}`,
      ratio: (large.p99 / small.p99).toFixed(2),
      must: 'p99 <= 5 ms',
      pairs: 1,
    },
  ];
}

const relayUrl = (rig: Rig): string => databaseUrl(rig.ports.orders, FLOOR_DATABASE.orders, 'orders_relay');
const ms = (value: number | undefined): string => `${value?.toFixed(2) ?? '?'} ms`;

async function sizes(rig: Rig): Promise<string> {
  const of = async (service: Service): Promise<string> => {
    const { rows } = await rig[service].query<{ size: string }>(
      'select pg_size_pretty(pg_database_size(current_database())) as size',
    );
    return `${service} ${rows[0]?.size}`;
  };
  return `${await of('orders')}, ${await of('payments')}`;
}

/** Both sizes, as the measures left them. */
async function measureReconciliation(
  rig: Rig,
  size: Size,
  say: (message: string) => void,
): Promise<{ line: Line; wrong: string | undefined }> {
  const operated = (service: Service, name: string) => ({
    urls: { ops: databaseUrl(rig.ports[service], name, `${service}_ops`) },
  });
  const of = async ({ orders, payments }: Readonly<Record<Service, string>>) =>
    await weighReconcile({
      databases: { orders: operated('orders', orders), payments: operated('payments', payments) },
      surroundings: rig.platform.surroundings,
    });
  say('Reconciling the small tables, and the grown ones');
  const small = await of(FLOOR_DATABASE);
  const large = await of({ orders: 'orders', payments: 'payments' });
  const wrong = small.wrong ?? large.wrong;
  say(wrong ?? `Reconciled in ${small.seconds.toFixed(0)} s and ${large.seconds.toFixed(0)} s`);
  const line = {
    goal: '',
    what: `ops reconcile, the most memory it held: ${smallOrders(size).toExponential(0)} orders, and ${size.orders.toExponential(0)}`,
    small: `${small.peakMb.toFixed(0)} MB`,
    large: `${large.peakMb.toFixed(0)} MB`,
    ratio: (large.peakMb / small.peakMb).toFixed(2),
    must: '<= 200 MB',
    pairs: 1,
  };
  return { line, wrong };
}

async function write(
  rig: Rig,
  run: { size: Size; loadBefore: number[]; lines: readonly Line[]; wrong: string | undefined; seconds: number },
): Promise<void> {
  const machine = await describeMachine(rig);
  const loads = (values: readonly number[]): string => values.map((value) => value.toFixed(1)).join(' ');
  const rows = run.lines.map(({ goal, what, small, large, ratio, must, pairs }) => {
    return [goal, what, small, large, ratio, must, String(pairs)];
  });
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const markdown = [
    '# What growth costs, measured last',
    '',
    `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, commit ${machine.commit}, in ${Math.ceil(run.seconds / 60)} min; ${machine.cores} cores`,
    `(${machine.processor}); load average ${loads(run.loadBefore)} before, ${loads(loadavg())} after. Ratios are the median of so many pairs, small`,
    `and large in turns on the same PostgreSQL (${POSTGRES_SETTINGS.join(', ')}), durable, by the services' own handlers. Each order`,
    'of a batch is of another account. Pages are read again and again, so from memory.',
    run.wrong === undefined
      ? 'Afterwards `ops reconcile` found nothing wrong in either size.'
      : '**Afterwards `ops reconcile` found violations.**',
    '',
    line(['goal', 'what', 'small', 'large', 'ratio', 'must', 'pairs']),
    line(['---', '---', '---', '---', '---', '---', '---']),
    ...rows.map(line),
    '',
  ].join('\n');
  // As of a whole run of all measures: nothing smaller or wrong is kept.
  const keep = isWhole(run.size, wholeSize) && run.wrong === undefined;
  const directory = keep ? join(repositoryRoot, 'bench', 'results') : join(platformDirectory, 'bench');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'growth.md'), markdown);
  await writeFile(join(directory, 'growth.json'), `${JSON.stringify({ ...run, machine }, null, 2)}\n`);
  process.stdout.write(`\n${markdown}\n`);
}
