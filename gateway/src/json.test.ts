import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { exactInteger, parseJson } from './json.ts';

const parse = (text: string): unknown => parseJson(Buffer.from(text));
const refused = { name: 'RequestError', code: 'MALFORMED_BODY' };

describe('parseJson', () => {
  test('agrees with JSON.parse on everything whose numbers are safe integers', () => {
    // Generated objects have each key once, and fast-check's strings may hold what PostgreSQL's text cannot.
    const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0') && value.isWellFormed());
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'medium', withCrossShrink: true },
        fc.constant(null),
        fc.boolean(),
        fc.maxSafeInteger().map((number) => (Object.is(number, -0) ? 0 : number)),
        text,
        fc.array(tie('value'), { maxLength: 5 }),
        fc.dictionary(text, tie('value'), { maxKeys: 5 }),
      ),
    }));
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, 2), (written, indent) => {
        const json = JSON.stringify(written, null, indent);
        expect(parse(json)).toEqual(JSON.parse(json));
      }),
      { numRuns: 500 },
    );
  });

  test('refuses what JSON.parse refuses, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.string({ maxLength: 40 }), (bytes, text) => {
        for (const input of [bytes, Buffer.from(text), Buffer.from(`{"a":${text}}`)]) {
          let accepted = true;
          try {
            JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(input));
          } catch {
            accepted = false;
          }
          if (!accepted) expect(() => parseJson(input)).toThrow(expect.objectContaining(refused));
        }
      }),
    );
  });

  test.each([
    ['nothing', ''],
    ['a duplicate key', '{"a":1,"a":2}'],
    ['a duplicate key with an equal value', '{"a":"x","a":"x"}'],
    ['a duplicate key that is escaped the second time', '{"a":1,"\\u0061":1}'],
    ['a duplicate key deep inside', '{"a":[{"b":{"c":1,"d":2,"c":1}}]}'],
    ['a duplicate __proto__', '{"__proto__":1,"__proto__":1}'],
    ['NUL in a string', '{"a":"x\\u0000y"}'],
    ['NUL in a key', '{"x\\u0000":1}'],
    ['a lone high surrogate', '{"a":"\\ud800"}'],
    ['a lone low surrogate in a key', '{"\\udc00":1}'],
    ['a BOM', '\ufeff{}'],
    ['33 levels', '['.repeat(33) + ']'.repeat(33)],
    ['8,000 levels', '['.repeat(8_000)],
    ['a trailing comma', '{"a":1,}'],
    ['a comment', '{"a":1} // x'],
    ['two values', '{} {}'],
    ['NaN', '{"a":NaN}'],
    ['a leading zero', '{"a":01}'],
  ])('refuses %s', (_what, text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining(refused));
  });

  test.each([
    ['an overlong encoding', [0x22, 0xc0, 0xaf, 0x22]],
    ['a truncated character', [0x22, 0xe2, 0x82, 0x22]],
    ['a surrogate encoded as UTF-8', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
  ])('refuses %s', (_what, bytes) => {
    expect(() => parseJson(Uint8Array.from(bytes))).toThrow(expect.objectContaining(refused));
  });

  test('keeps braces, colons and quotes inside strings apart from structure', () => {
    const value = { 'a:{"': '\\":[[[{:', b: ['\\', '"', '\\\\"'] };
    expect(parse(JSON.stringify(value))).toEqual(value);
  });

  test('takes 32 levels, surrogate pairs and a key called __proto__ as data', () => {
    expect(() => parse('['.repeat(32) + ']'.repeat(32))).not.toThrow();
    expect(parse('"\\ud83d\\ude00"')).toBe('😀');
    expect(Object.keys(parse('{"__proto__":{"admin":true}}') as object)).toEqual(['__proto__']);
  });

  test('marks a number that is no safe integer as NaN', () => {
    expect(parse('{"amount":0.9999999999999999999999}')).toEqual({ amount: Number.NaN });
  });
});

describe('exactInteger', () => {
  test.each([
    ['1', 1],
    ['1.0', 1],
    ['1e3', 1000],
    ['1.5E+1', 15],
    ['120e-1', 12],
    ['0', 0],
    ['0e999999999999999999999', 0],
    ['-7', -7],
    ['9007199254740991', 9007199254740991],
    ['9007199254740991.000', 9007199254740991],
    ['0.0009007199254740991e19', 9007199254740991],
  ])('takes %s', (source, value) => {
    expect(exactInteger(source)).toBe(value);
  });

  test.each([
    '0.5',
    '1e-1',
    '9007199254740992',
    '9007199254740993',
    '9007199254740991.4',
    '9007199254740990.99999999999999999',
    '0.9999999999999999999999',
    '1e400',
    '1e-400',
    '1e99999999999999999999999999',
    '1e-99999999999999999999999999',
    '9999999999999999',
  ])('refuses %s', (source) => {
    expect(exactInteger(source)).toBeNaN();
  });

  test('agrees with exact decimal arithmetic', () => {
    const digits = fc.stringMatching(/^[0-9]{1,18}$/).map((text) => text.replace(/^0+(?=\d)/, ''));
    fc.assert(
      fc.property(
        digits,
        fc.stringMatching(/^[0-9]{0,6}$/),
        fc.integer({ min: -8, max: 8 }),
        (whole, fraction, exponent) => {
          const source = `${whole}${fraction && `.${fraction}`}e${exponent}`;
          // Scaled by 10^14, enough for six decimals and an exponent of -8.
          const scaled = BigInt(whole + fraction) * 10n ** BigInt(14 - fraction.length + exponent);
          const exact = scaled % 10n ** 14n === 0n ? scaled / 10n ** 14n : undefined;
          const expected = exact !== undefined && exact < 2n ** 53n ? Number(exact) : Number.NaN;
          expect(exactInteger(source)).toBe(expected);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('takes many zeros in linear time', () => {
    const started = performance.now();
    expect(exactInteger(`1.${'0'.repeat(300_000)}1`)).toBeNaN();
    // Quadratic time would be minutes.
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
