import { table } from '../table.ts';
import type { Tally } from './attack.ts';

export interface Row {
  readonly name: string;
  readonly tally: Tally;
  readonly tookMs: number;
}

const HEAD = ['attack', 'sent', 'answers', 'wrong', 'took', 'verdict'];

/** Attack, sent, answers by class, wrong answers, verdict; then what is worth a line; then what was wrong. */
export function renderTable(rows: readonly Row[]): string {
  const cells = rows.map(({ name, tally, tookMs }) => [
    name,
    String(tally.sent),
    [...tally.answers]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([answer, count]) => `${answer}: ${count}`)
      .join(', '),
    String(tally.wrongCount),
    `${(tookMs / 1000).toFixed(1)} s`,
    verdictOf(tally),
  ]);
  const notes = rows.flatMap(({ name, tally }) =>
    [...tally.notes, ...tally.unjudged].map((note) => `- ${name}: ${note}`),
  );
  const wrong = rows.flatMap(({ name, tally }) => tally.wrong.map((what) => `- ${name}: ${what}`));
  return [
    table(HEAD, cells),
    ...(notes.length > 0 ? ['', ...notes] : []),
    ...(wrong.length > 0 ? ['', 'Wrong:', ...wrong] : []),
    '',
  ].join('\n');
}

function verdictOf({ wrongCount, unjudged }: Tally): string {
  if (wrongCount > 0) return 'BROKEN';
  return unjudged.length > 0 ? 'not all judged' : 'holds';
}
