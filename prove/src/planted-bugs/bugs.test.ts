import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { describe, expect, test } from '@jest/globals';
import { allLabels } from '../schedule.ts';
import { CANARY, plant, PLANTED_BUGS } from './bugs.ts';

const read = (file: string): string => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');

describe('planted bugs', () => {
  test.each([...PLANTED_BUGS, CANARY])(
    '$id fits the code as it is today, and what it makes of it can run',
    ({ edits }) => {
      const texts = new Map<string, string>();
      for (const edit of edits) texts.set(edit.file, plant(texts.get(edit.file) ?? read(edit.file), edit));
      for (const [file, text] of texts) {
        expect(text).not.toBe(read(file));
        expect(() => stripTypeScriptTypes(text)).not.toThrow();
      }
    },
  );

  test('are at least twelve, each with a name of its own and faults that exist', () => {
    expect(PLANTED_BUGS.length).toBeGreaterThanOrEqual(12);
    expect(new Set(PLANTED_BUGS.map(({ id }) => id)).size).toBe(PLANTED_BUGS.length);
    const labels = allLabels();
    for (const { faults } of PLANTED_BUGS) for (const fault of faults) expect(labels).toContain(fault);
  });

  test('fail loudly where the code has moved on', () => {
    const edit = { file: 'a file', search: 'once', replacement: 'twice' };
    expect(() => plant('never', edit)).toThrow('0 times');
    expect(() => plant('once and once', edit)).toThrow('2 times');
    expect(plant('just once.', edit)).toBe('just twice.');
  });
});
