// The proof of prove.ts on shared infrastructure, with few faults and short limits. It is a process of its own, because
// the code that it starts and judges is the one of the checkout that this file lies in.
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Violation } from '@order-payments/local/test-kit/outside-checker.ts';
import type { FaultRecord } from '../faults/inflict.ts';
import { inflictAll } from '../faults/inflict.ts';
import { judge } from '../judge.ts';
import { Load } from '../load.ts';
import { Reader } from '../reader.ts';
import { faultOf, labelOf } from '../schedule.ts';
import type { Fault, PlannedFault } from '../schedule.ts';
import type { Stage } from '../stage.ts';
import { setSharedStage } from './shared-stage.ts';

/** What the focused proof says on its last line. */
export interface Verdict {
  readonly orders: number;
  readonly faults: readonly string[];
  readonly violations: readonly Violation[];
}

const ORDERS_PER_SECOND = 80;
/** Before the first fault, so that there is something to break, and after the last. */
const RUN_UP_MS = 2_000;
const RUN_OUT_MS = 2_000;
const FAULT_MAX_MS = 4_000;
const LOAD_MAX_MS = 180_000;
/** The sweeper soon looks after what is late, and Kafka soon gives up a consumer that died: the limits are short, too. */
const HASTE = {
  LOG_LEVEL: 'warn',
  SWEEP_OVERDUE_MS: '2000',
  SWEEP_INTERVAL_MS: '500',
  SWEEP_BACKOFF_MS: '1000',
  KAFKA_SESSION_TIMEOUT_MS: '6000',
};
const LIMITS = { settleMs: 20_000, drainMs: 8_000 };

async function proveInFocus(stage: Stage, seed: number, labels: readonly string[]): Promise<Verdict> {
  const over = new AbortController();
  const resting = new AbortController();
  const orders = (LOAD_MAX_MS / 1_000) * ORDERS_PER_SECOND;
  const load = new Load({
    url: stage.url,
    seed,
    orders,
    windowMs: LOAD_MAX_MS,
    signal: over.signal,
  });
  await load.openAccounts();
  const { hot, poor, rich } = load.crowd;
  const reader = new Reader(stage.url, load.client, [...hot, ...poor, ...rich]);
  const reading = reader.run(resting.signal);
  const loading = load.run(Date.now() + LOAD_MAX_MS);
  const faults: FaultRecord[] = [];
  await inflictAll(stage, inTurn(labels), {
    signal: over.signal,
    onBegin: () => undefined,
    onRecord: (record) => void faults.push(record),
  });
  await sleep(labels.length === 0 ? RUN_UP_MS + RUN_OUT_MS : RUN_OUT_MS);
  over.abort();
  await loading;
  await load.resolveAll();
  resting.abort();
  await reading;
  const say = (what: string): void => void process.stderr.write(`${what}\n`);
  const { violations } = await judge({ stage, load, reader, lives: [], limits: LIMITS, say });
  const notBack = faults
    .filter(({ failed }) => failed !== undefined)
    .map(({ planned, failed }): Violation => ({ invariant: 'I8', what: `after ${labelOf(planned.fault)}: ${failed}` }));
  return {
    orders: load.orders,
    faults: faults.map(({ planned, note, missed, failed }) =>
      [labelOf(planned.fault), note, missed && `missed: ${missed}`, failed && `failed: ${failed}`]
        .filter((part) => part !== undefined)
        .join(', '),
    ),
    violations: [...violations, ...notBack],
  };
}

/** One lane, so that each comes when the one before is over. */
function inTurn(labels: readonly string[]): PlannedFault[] {
  return labels.map((label, n) => ({ n, atMs: RUN_UP_MS, lane: 'focus', fault: shortened(faultOf(label)) }));
}

function shortened(fault: Fault): Fault {
  return 'lastsMs' in fault ? { ...fault, lastsMs: Math.min(fault.lastsMs, FAULT_MAX_MS) } : fault;
}

const { values } = parseArgs({
  options: { seed: { type: 'string' }, faults: { type: 'string' }, 'deaths-max': { type: 'string' } },
});
const labels = (values.faults ?? '').split(',').filter((label) => label !== '');
const stage = await setSharedStage(HASTE, Number(values['deaths-max']));
try {
  const verdict = await proveInFocus(stage, Number(values.seed), labels);
  process.stdout.write(`${JSON.stringify(verdict)}\n`);
} finally {
  await stage.stop();
}
process.exit(0);
