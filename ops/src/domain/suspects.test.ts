import { expect, test } from '@jest/globals';
import type { Invariant, Violation } from './invariants.ts';
import { createSuspects } from './suspects.ts';

const wrong = (invariant: Invariant, subject: string, what = 'wrong'): Violation => ({ invariant, subject, what });

function suspectsOver(stillWrong: readonly Violation[], limits: { examplesMax?: number; suspectsMax?: number } = {}) {
  const asked: Array<readonly string[]> = [];
  let pauses = 0;
  const suspects = createSuspects({
    pause: async () => void (pauses += 1),
    lookAgain: async (_invariant, subjects) => {
      asked.push(subjects);
      return stillWrong.filter(({ subject }) => subjects.includes(subject));
    },
    examplesMax: limits.examplesMax ?? 10,
    suspectsMax: limits.suspectsMax ?? 1_000,
  });
  return { suspects, asked, pauses: () => pauses };
}

test('only what is still wrong in the same way counts', async () => {
  const { suspects } = suspectsOver([wrong('I3', 'stays', 'seen again'), wrong('I2', 'changed')]);
  suspects.add([wrong('I3', 'stays'), wrong('I3', 'heals'), wrong('I3', 'changed')]);
  await suspects.confirm();
  expect(suspects.findings().I3).toEqual({ violations: 1, examples: [wrong('I3', 'stays', 'seen again')] });
  expect(suspects.findings().I2.violations).toBe(0);
});

test('without a suspect there is no pause', async () => {
  const { suspects, asked, pauses } = suspectsOver([]);
  await suspects.confirm();
  expect([asked.length, pauses()]).toEqual([0, 0]);
});

test('two wrongs of one subject are one violation that tells both', async () => {
  const { suspects } = suspectsOver([wrong('I3', 'a', 'this'), wrong('I3', 'a', 'that')]);
  suspects.add([wrong('I3', 'a', 'this'), wrong('I3', 'a', 'that')]);
  await suspects.confirm();
  expect(suspects.findings().I3).toEqual({ violations: 1, examples: [wrong('I3', 'a', 'this; that')] });
});

test('all violations count and only the first are named', async () => {
  const all = Array.from({ length: 2_500 }, (_, number) => wrong('I4', `order ${number}`));
  const { suspects, asked } = suspectsOver(all, { examplesMax: 2, suspectsMax: 10_000 });
  suspects.add(all);
  await suspects.confirm();
  expect(suspects.findings().I4.violations).toBe(2_500);
  expect(suspects.findings().I4.examples).toEqual(all.slice(0, 2));
  expect(Math.max(...asked.map((subjects) => subjects.length))).toBe(1_000);
});

test('full at its limit, and empty again once confirmed', async () => {
  const { suspects } = suspectsOver([], { suspectsMax: 2 });
  suspects.add([wrong('I1', 'a')]);
  expect(suspects.isFull()).toBe(false);
  suspects.add([wrong('I4', 'b')]);
  expect(suspects.isFull()).toBe(true);
  await suspects.confirm();
  expect(suspects.isFull()).toBe(false);
});
