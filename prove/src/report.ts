import { writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { LONG_SECONDS } from './options.ts';
import type { Options } from './options.ts';
import type { Proof } from './prove.ts';
import { labelOf } from './schedule.ts';
import { table } from './table.ts';
import { verdictOf } from './verdict.ts';

const NAMED_MAX = 20;

const INVARIANTS: ReadonlyArray<readonly [string, string]> = [
  ['I1', 'credits minus debits are the balance, never below 0'],
  ['I2', 'at most one debit an order, of its amount and user'],
  ['I3', 'FINISHED if and only if debited; settled stays settled'],
  ['I4', 'every order settled within 60 s of the last heal'],
  ['I5', 'whatever was answered 2xx is there'],
  ['I6', 'each fact one event; each event consumed'],
  ['I7', 'one key, one truthful answer'],
  ['I8', 'backlog drained, no death but ours, memory flat'],
];

export function commandOf({ seed, seconds, isWhole, only, ordersPerSecond }: Options): string {
  const choice = only.length === 0 ? '' : ` --only ${only.join(',')}`;
  const whole = seconds === LONG_SECONDS ? ' --long' : '';
  const length = isWhole ? whole : ` --seconds ${seconds}`;
  return `npm run prove -- --seed ${seed}${length} --orders-per-second ${ordersPerSecond}${choice}`;
}

export function describeProof(proof: Proof, options: Options): string {
  const { violations } = proof;
  const { word, why } = verdictOf(proof, options);
  const tooLittle = why.length === 0 ? '' : `too little: ${why.join('; ')}`;
  const checked: Readonly<Record<string, string>> = {
    I1: `every account and transaction; ${proof.reads} reads meanwhile`,
    I2: `${proof.orders} orders`,
    I3: `${proof.orders} orders, both databases`,
    I4: `settled ${seconds(proof.settledAfterMs)} after the last heal`,
    I5: `${proof.wishes} orders and top-ups`,
    I6: `${proof.events} events in ${proof.records} records`,
    I7: `${proof.wishes} keys, ${proof.interrupted} of them not answered at once`,
    I8: describeMemory(proof),
  };
  return [
    '',
    table(
      ['fault', 'count', 'missed', 'recovery: median', 'max'],
      proof.kinds.map((one) => [
        one.kind,
        String(one.count),
        one.missed === 0 ? '' : String(one.missed),
        seconds(one.recoveryMedianMs),
        seconds(one.recoveryMaxMs),
      ]),
    ),
    '(recovery: from the end of a fault until an order written after it was paid, the other faults going on)',
    '',
    table(
      ['orders', 'count'],
      Object.entries(proof.outcomes).map(([outcome, count]) => [outcome, String(count)]),
    ),
    '',
    table(
      ['invariant', 'what it says', 'checked', 'violations'],
      INVARIANTS.map(([id, what]) => [
        id,
        what,
        checked[id] ?? '',
        String(violations.filter(({ invariant }) => invariant === id).length),
      ]),
    ),
    '',
    ...violations.slice(0, NAMED_MAX).map(({ invariant, what }) => `${invariant}: ${what}`),
    ...(violations.length > NAMED_MAX ? [`and ${violations.length - NAMED_MAX} more, all in the record`] : []),
    ...slowness(proof),
    ...(tooLittle !== '' && word !== 'NOT PROVED' ? [`For a whole proof it had ${tooLittle}.`] : []),
    `${word}: ${word === 'NOT PROVED' ? `${tooLittle}; ` : ''}seed ${options.seed}, ${proof.orders} orders, ${proof.kills} kills, ` +
      `${proof.faults.length} faults, ${violations.length} violations, settled ${seconds(proof.settledAfterMs)} after the last heal`,
  ].join('\n');
}

export interface RecordOptions {
  readonly name: string;
  readonly options: Options;
  readonly proof: Proof;
}

/** Everything a later reader may ask, as JSON. Returns its path. */
export async function writeRecord(home: string, { name, options, proof }: RecordOptions): Promise<string> {
  const path = join(home, `${name.replace(/^run-/, '')}.json`);
  const record = {
    ...options,
    at: new Date().toISOString(),
    node: process.version,
    cores: availableParallelism(),
    loadAverage: loadavg(),
    command: commandOf(options),
    ...proof,
    schedule: proof.schedule.map(({ n, atMs, lane, fault }) => ({ n, atMs, lane, fault: labelOf(fault) })),
    faults: proof.faults.map(({ planned, ...rest }) => ({ n: planned.n, fault: labelOf(planned.fault), ...rest })),
  };
  await writeFile(path, `${JSON.stringify(record, undefined, 2)}\n`);
  return path;
}

/** What the machine, and not the platform, is to blame for. */
function slowness({ orders, ordersPlanned, faults }: Proof): string[] {
  const cores = availableParallelism();
  const [load = 0] = loadavg();
  const missed = faults.filter((fault) => fault.missed !== undefined).length;
  return [
    ...(orders < ordersPlanned ? [`Only ${orders} of ${ordersPlanned} orders could be placed in time.`] : []),
    ...(missed > 0 ? [`${missed} of ${faults.length} faults missed their moment, see the record.`] : []),
    ...(load > 2 * cores ? [`This machine is busy: load average ${load.toFixed(0)} on ${cores} cores.`] : []),
  ];
}

function describeMemory({ memory, peakMegabytes }: Proof): string {
  const peak = Math.max(0, ...Object.values(peakMegabytes));
  const judged = memory.length === 0 ? 'no life was long enough to judge growth' : `${memory.length} long lives judged`;
  return `at most ${peak} MB a process; ${judged}`;
}

function seconds(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '' : `${(milliseconds / 1_000).toFixed(1)} s`;
}
