import { expect, test } from '@jest/globals';
import { formatDuration } from './duration.ts';
import { printable, toJson } from './printable.ts';
import { createProgress } from './progress.ts';
import { table } from './table.ts';

test('a terminal never obeys what a stranger wrote', () => {
  expect(printable('a\u001b[31mred\nb\u202ec\u009bd')).toBe('a\\u{1b}[31mred\\u{a}b\\u{202e}c\\u{9b}d');
  expect(printable('Grüße, 注文 🙂')).toBe('Grüße, 注文 🙂');
});

test('bigint becomes a number where that is exact, and text where it is not', () => {
  expect(JSON.parse(toJson({ small: 9_007_199_254_740_991n, large: 9_007_199_254_740_993n }))).toEqual({
    small: 9_007_199_254_740_991,
    large: '9007199254740993',
  });
});

test.each([
  [7, '7 ms'],
  [-7, '-7 ms'],
  [1_250, '1.25 s'],
  [185_000, '3 min 5 s'],
  [7_800_000, '2 h 10 min'],
  [273_600_000, '3 d 4 h'],
])('%d ms is written as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test('columns are as wide as their longest cell', () => {
  expect(table(['a', 'b'], [['long', 'x']])).toBe('a     b\nlong  x');
});

test('short work is silent, long work speaks now and then', () => {
  let nowMs = 0;
  const said: string[] = [];
  const terminal = { out: () => {}, err: (text: string) => void said.push(text), isInteractive: false };
  const progress = createProgress(terminal, () => nowMs);
  for (; nowMs <= 12_500; nowMs += 100) progress.report(`at ${nowMs}`);
  progress.end();
  expect(said).toEqual(['at 2000\n', 'at 7000\n', 'at 12000\n']);
});
