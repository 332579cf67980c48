import { checkFromOutside } from '@order-payments/local/test-kit/outside-checker.ts';
import { countUnsettled } from '@order-payments/local/test-kit/money-state.ts';
import { eventually } from '@order-payments/local/test-kit/eventually.ts';
import { reconcile } from '@order-payments/local/test-kit/run-ops.ts';
import type { Shoppers } from '../../../local/test/shoppers.ts';
import type { Arena } from './arena.ts';
import { Tally } from './attack.ts';
import { PROCESSES, readMemory, readPids } from './memory.ts';
import type { ProcessName } from './memory.ts';

const SETTLE_TIMEOUT_MS = 60_000;
/**
 * Resident MB that a process may have at rest: four fifths of its pod's limit in values.yaml. V8 keeps for a while what it
 * once had, so less than that would only say how long ago the attacks were; that nothing grows for an hour is the other
 * proof's to show.
 */
const MEMORY_MAX = {
  gateway: 307,
  orders: 307,
  payments: 307,
  'outbox-relay-orders': 204,
  'outbox-relay-payments': 204,
} as const satisfies Record<ProcessName, number>;
const MEMORY_TIMEOUT_MS = 30_000;

/** How the processes were before anything bad was sent. */
export interface Before {
  readonly pids: Readonly<Record<ProcessName, number | undefined>>;
  readonly memory: Readonly<Record<ProcessName, number>>;
}

export async function lookBefore({ platform }: Arena): Promise<Before> {
  return { pids: readPids(platform), memory: await readMemory(platform) };
}

/** What must hold when all attacks are over, for the client that did nothing wrong most of all. */
export async function judge(arena: Arena, shoppers: Shoppers, before: Before): Promise<Tally> {
  const tally = new Tally();
  const { client } = shoppers;
  tally.sent = client.history.length;
  for (const { status } of client.history.flatMap(({ answers }) => answers)) tally.count(String(status ?? 'none'));
  // "Not now" is the only other answer that a good request may get.
  for (const status of tally.answers.keys())
    tally.demand(['201', '503', '504', 'none'].includes(status), `a good request was answered ${status}`);
  await judgeMoney(arena, shoppers, tally);
  await judgeProcesses(arena, before, tally);
  return tally;
}

async function judgeMoney(arena: Arena, shoppers: Shoppers, tally: Tally): Promise<void> {
  const { databases, operated } = arena;
  const startedAt = performance.now();
  await eventually(
    async () => {
      const unsettled = await countUnsettled(databases);
      if (unsettled > 0) throw new Error(`${unsettled} orders are not settled after ${SETTLE_TIMEOUT_MS / 1000} s`);
    },
    { timeoutMs: SETTLE_TIMEOUT_MS },
  ).catch((error: unknown) => tally.defect(String(error)));
  tally.notes.push(
    `all orders settled ${((performance.now() - startedAt) / 1000).toFixed(1)} s after the last request`,
  );

  // The attacks ask for orders and top-ups, too, and many of them without a history.
  const history = [...shoppers.client.history, ...arena.history];
  const violations = await checkFromOutside(databases, history, { others: true });
  for (const { invariant, what } of violations) tally.defect(`${invariant}: ${what}`);
  for (const [userId, balance] of shoppers.balances()) {
    const { rows } = await databases.payments.query<{ balance: string }>(
      'select balance from accounts where user_id = $1',
      [userId],
    );
    tally.demand(rows[0]?.balance === String(balance), `${userId} has ${rows[0]?.balance} instead of ${balance}`);
  }
  const { code, out } = await reconcile(operated);
  tally.demand(code === 0, `ops reconcile ended with ${code}: ${out.slice(-2_000)}`);
  const { rows } = await databases.orders.query<{ count: number }>('select count(*)::int as count from orders');
  tally.notes.push(
    `${rows[0]?.count} orders in all; ops reconcile: exit ${code}; violations that the outside checker sees: ${violations.length}`,
  );
}

async function judgeProcesses({ platform, deaths }: Arena, before: Before, tally: Tally): Promise<void> {
  for (const death of deaths) tally.defect(`died: ${death}`);
  const pids = readPids(platform);
  for (const name of PROCESSES)
    tally.demand(pids[name] === before.pids[name], `${name} is another process than before`);
  const isSmall = (memory: Record<ProcessName, number>, name: ProcessName): boolean => memory[name] <= MEMORY_MAX[name];
  const memory = await eventually(
    async () => {
      const now = await readMemory(platform);
      const large = PROCESSES.filter((name) => !isSmall(now, name));
      if (large.length > 0) throw new Error(`memory did not come back: ${describeMemory(before.memory, now, large)}`);
      return now;
    },
    { timeoutMs: MEMORY_TIMEOUT_MS },
  ).catch(async (error: unknown) => {
    tally.defect(String(error));
    return readMemory(platform);
  });
  tally.notes.push(`resident MB before and after: ${describeMemory(before.memory, memory, PROCESSES)}`);
}

function describeMemory(
  before: Record<ProcessName, number>,
  after: Record<ProcessName, number>,
  names: readonly ProcessName[],
): string {
  return names.map((name) => `${name} ${before[name]} -> ${after[name]}`).join(', ');
}
