import { sleep } from '@order-payments/platform/backoff.ts';
import { parseCommandLine, parseCount, parseSeconds, type Command } from '../command-line.ts';
import { services } from '../config.ts';
import { withDatabases } from '../databases.ts';
import { invariantNames, invariants, type Invariant } from '../domain/invariants.ts';
import { formatDuration } from '../output/duration.ts';
import { toJson } from '../output/printable.ts';
import { createProgress } from '../output/progress.ts';
import { table } from '../output/table.ts';
import { UsageError } from '../problem.ts';
import { reconcile, type Reconciliation } from './reconciliation.ts';

// Large enough that the round trip does not count, small enough that a few pages are a few megabytes.
const pageSize = 1_000;
const suspectsMax = 100_000;
const examplesMaxLimit = 10_000;

const help = `npm run ops -- reconcile [options]

Says whether the money is right: compares the databases of orders and payments while the platform runs. It only reads.

  I1  per account, credits minus debits are the balance, transaction by transaction
  I2  at most one debit an order, of the order's amount and user
  I3  FINISHED if and only if there is exactly one debit; CANCELED if and only if there is none, and a reason
  I4  no order is NEW for longer than --settle-within
  I6  every event reached its consumer's inbox or its dead letters, as far back as the inbox remembers

What looks wrong is looked at again after a pause; only what is still wrong counts.

  --settle-within SECONDS  younger orders are in flight and no violation (60)
  --pause SECONDS          before the second look (3)
  --examples N             how many violations of each invariant to name (10)
  --json                   for machines (run npm with -s, so that it prints nothing of its own)

Exit code: 0 all is well, 1 violations were found, 2 it could not run.`;

export const reconcileCommand: Command = {
  summary: 'says whether the money is right: checks the invariants across both databases',
  help,
  async run(args, { config, terminal }) {
    const { values, positionals } = parseCommandLine(args, {
      'settle-within': { type: 'string', default: '60' },
      pause: { type: 'string', default: '3' },
      examples: { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
    });
    if (positionals[0] !== undefined) throw new UsageError(`reconcile takes no "${positionals[0]}".`);
    const pauseMs = parseSeconds('pause', values.pause) * 1_000;
    const options = {
      settleWithinSeconds: parseSeconds('settle-within', values['settle-within']),
      pause: () => sleep(pauseMs),
      examplesMax: parseCount('examples', values.examples, examplesMaxLimit),
      pageSize,
      suspectsMax,
    };
    const startedAt = Date.now();
    const progress = createProgress(terminal);
    const result = await withDatabases(config, 'read-only', (databases) =>
      reconcile(databases, { ...options, onProgress: progress.report }),
    ).finally(progress.end);
    const report = { ...result, tookMs: Date.now() - startedAt, settleWithinSeconds: options.settleWithinSeconds };
    terminal.out(values.json ? toJson(forMachines(report)) : forHumans(report));
    return isWell(result) ? 0 : 1;
  },
};

type Report = Reconciliation & { tookMs: number; settleWithinSeconds: number };

function isWell({ findings }: Reconciliation): boolean {
  return invariantNames.every((name) => findings[name].violations === 0);
}

function forMachines(report: Report) {
  return {
    ok: isWell(report),
    took_ms: report.tookMs,
    settle_within_seconds: report.settleWithinSeconds,
    invariants: invariantNames.map((name) => ({
      invariant: name,
      title: invariants[name].title,
      unit: invariants[name].unit,
      checked: report.checked[name],
      violations: report.findings[name].violations,
      examples: report.findings[name].examples.map(({ subject, what }) => ({ subject, what })),
    })),
    inbox_since: report.inboxSince,
    dead_letters: report.deadLetters,
  };
}

function forHumans(report: Report): string {
  const rows = invariantNames.map((name) => [
    name,
    invariants[name].title,
    `${report.checked[name]} ${invariants[name].unit}`,
    String(report.findings[name].violations),
  ]);
  const sections = [
    table(['', 'invariant', 'checked', 'violations'], rows),
    ...invariantNames.flatMap((name) => describeExamples(name, report)),
    ...describeDeadLetters(report),
    describeVerdict(report),
  ];
  return sections.join('\n\n');
}

function describeExamples(name: Invariant, { findings }: Report): string[] {
  const { violations, examples } = findings[name];
  if (violations === 0) return [];
  const shown = examples.length < violations ? `, the first ${examples.length}` : '';
  return [
    [`${name}: ${violations} violations${shown}`, ...examples.map(({ subject, what }) => `  ${subject}  ${what}`)].join(
      '\n',
    ),
  ];
}

function describeDeadLetters({ deadLetters }: Report): string[] {
  return services
    .filter((service) => deadLetters[service] > 0)
    .map(
      (service) =>
        `${deadLetters[service]} dead letters wait in ${service}: npm run ops -- dead-letters list --service ${service}`,
    );
}

function describeVerdict(report: Report): string {
  const duration = formatDuration(report.tookMs);
  if (isWell(report)) return `All is well (${duration}).`;
  const orderHint = ['I2', 'I3', 'I4', 'I6'].some((name) => report.findings[name as Invariant].violations > 0)
    ? ' What happened to an order: npm run ops -- timeline ORDER_ID'
    : '';
  return `Violations were found (${duration}).${orderHint}`;
}
