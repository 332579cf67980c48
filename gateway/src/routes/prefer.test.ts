import { describe, expect, test } from '@jest/globals';
import { waitOf } from './prefer.ts';

describe('waitOf', () => {
  test.each([
    ['wait=3', 3],
    ['wait=0', 0],
    ['wait="4"', 4],
    ['return=minimal, wait=5', 5],
    ['Wait = 6; foo=bar', 6],
    ['wait=11', 10],
    ['wait=99999999999999999999', 10],
    ['wait=2, wait=7', 2],
  ])('reads %s', (header, seconds) => {
    expect(waitOf(header)).toBe(seconds);
  });

  test.each([undefined, '', 'wait', 'wait=', 'wait=-1', 'wait=1.5', 'wait=x', 'respond-async', 'await=3'])(
    'ignores %s, as RFC 7240 has it',
    (header) => {
      expect(waitOf(header)).toBeUndefined();
    },
  );
});
