import { figure, type GoalRecord, type RunRecord } from '../run.ts';

/** The table, and what one has to know to believe it. */
export function toMarkdown(record: RunRecord): string {
  const { machine, experiments } = record;
  const goals = experiments.flatMap((experiment) => experiment.goals);
  const pairs = Math.max(0, ...experiments.map((experiment) => experiment.pairs.length));
  const failures = experiments.filter(({ failure }) => failure !== undefined);
  return [
    '# What was measured last',
    '',
    `${record.startedAt.slice(0, 16).replace('T', ' ')} UTC, commit ${machine.commit}, in ${Math.ceil(record.seconds / 60)} min` +
      `${record.quick ? ', a quick run: the figures mean nothing' : ''}.`,
    `${machine.cores} cores (${machine.processor}), ${machine.memoryGb} GB; load average ${loads(record.loadBefore)} before, ` +
      `${loads(record.loadAfter)} after. Client, floors, databases and Kafka share the machine with the platform.`,
    '',
    `${versions(machine.versions)}. PostgreSQL: ${versions(machine.postgresSettings)}.`,
    '',
    `Ratios are the median of at most ${pairs} pairs, floor and ours in turns (least to most in brackets). After each run of ours,`,
    'reconciliation: none lost, none doubled, sums equal, one event in a hundred told twice.',
    '',
    'F: pgbench inserts an order and its event, a statement each. R: pgbench settles an order, a statement each. K: kafkajs alone sends as',
    'many bytes. G: Koa and gRPC stubs that answer without a database. *must* is what no change may fall below, *aim* what we want. P11 and',
    'P12: [growth.md](growth.md). The peers: [bench/peers](../peers/README.md).',
    '',
    ...table(
      ['goal', 'what', 'floor', 'ours', 'ratio', 'spread', 'must', 'aim', 'met'],
      [
        ...goals.map((goal) => row(goal)),
        ...experiments
          .flatMap(({ lines }) => Object.entries(lines))
          .map(([what, value]) => ['', what, '', figure(value), '', '', '', '', '']),
      ],
    ),
    '',
    ...(failures.length === 0
      ? ['Reconciliation found nothing wrong.']
      : failures.map(({ name, failure }) => `**${name} failed:** ${failure}`)),
    '',
    '![Throughput and latency](latest.svg)',
    '',
  ].join('\n');
}

function row(goal: GoalRecord): string[] {
  const { unit, floor, floorMedian, oursMedian, value, least, most, must, aim, met } = goal;
  const compare = goal.atMost ? '<=' : '>=';
  const sizes = floor === undefined ? ` ${unit}` : '';
  return [
    goal.id,
    goal.what,
    floorMedian === undefined ? '' : `${figure(floorMedian)}${unit && ` ${unit}`}`,
    `${figure(oursMedian)}${unit && ` ${unit}`}`,
    floor === undefined ? '' : figure(value),
    `${figure(least)} to ${figure(most)}`,
    `${compare} ${must}${sizes}`,
    `${compare} ${aim}${sizes}`,
    met === 'missed' ? '**missed**' : met,
  ];
}

function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

const loads = (values: readonly number[]): string => values.map((value) => value.toFixed(1)).join(' ');
const versions = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
