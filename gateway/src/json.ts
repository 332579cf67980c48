import { RequestError } from './request-error.ts';

const depthMax = 32;
// fatal: invalid UTF-8 is an error and not a replacement character. ignoreBOM: a BOM stays in the text, where JSON refuses it.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// TypeScript's library does not know the third argument yet ("JSON.parse source text access", in Node since 21).
type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown;
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => unknown;

/**
 * JSON, read strictly. Refused with MALFORMED_BODY: invalid UTF-8, a BOM, a key written twice in one object, NUL and
 * lone surrogates in strings, nesting deeper than 32. A number is kept when its text is exactly a safe integer and is
 * NaN otherwise (this API has no other numbers), so that no schema ever judges a rounded one.
 *
 * lossless-json was rejected: it lets a duplicate key with an equal value through and has no option against that.
 */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  const { keys, isPlain } = scan(text);
  const value = isPlain ? parsePlain(text) : parseExactly(text);
  // JSON.parse keeps the last of equal keys, so a key that was written twice is missing from the result.
  if (countKeys(value) !== keys) throw malformed('has a key twice');
  return value;
}

function parsePlain(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed('is not JSON', error);
  }
}

function parseExactly(text: string): unknown {
  try {
    return parseWithSource(text, function (key, value, { source = '' }) {
      checkText(key);
      if (typeof value === 'string') checkText(value);
      return typeof value === 'number' ? exactInteger(source) : value;
    });
  } catch (error) {
    if (error instanceof RequestError) throw error;
    throw malformed('is not JSON', error);
  }
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const children: unknown[] = Object.values(value);
  const own = Array.isArray(value) ? 0 : children.length;
  return children.reduce<number>((sum, child) => sum + countKeys(child), own);
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw malformed('is not UTF-8', error);
  }
}

// Every integer of so many digits is exact as a double.
const plainDigitsMax = 15;

/**
 * One pass over the text before anything recurses into it. Colons outside of strings are as many as keys, if it is JSON.
 * Plain is what JSON.parse reads right by itself: no \u escape, which may make NUL or a lone surrogate, and no number
 * but short integers. In a loop over one order: 2 us, and 6 us with the reviver.
 */
function scan(text: string): { keys: number; isPlain: boolean } {
  let keys = 0;
  let depth = 0;
  let digits = 0;
  let inString = false;
  let isPlain = true;
  for (let i = 0; i < text.length; i += 1) {
    const character = text.charCodeAt(i);
    if (inString) {
      if (character === code.quote) inString = false;
      else if (character === code.backslash) {
        i += 1;
        if (text.charCodeAt(i) === code.u) isPlain = false;
      }
      continue;
    }
    digits = character >= code.zero && character <= code.nine ? digits + 1 : 0;
    if (digits > plainDigitsMax) isPlain = false;
    else if (character === code.quote) inString = true;
    else if (character === code.colon) keys += 1;
    else if (character === code.openBrace || character === code.openBracket) depth += 1;
    else if (character === code.closeBrace || character === code.closeBracket) depth -= 1;
    // Also the e of true and false, which are rare here.
    else if (character === code.dot || character === code.e || character === code.upperE) isPlain = false;
    if (depth > depthMax) throw malformed(`nests deeper than ${depthMax}`);
  }
  return { keys, isPlain };
}

const code = {
  quote: 0x22,
  dot: 0x2e,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  upperE: 0x45,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  e: 0x65,
  u: 0x75,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

/** PostgreSQL's text holds neither. */
function checkText(text: string): void {
  if (text.includes('\0') || !text.isWellFormed()) throw malformed('has NUL or a lone surrogate in a string');
}

const numberPattern = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
const safeDigitsMax = 16;

/**
 * The number if what is written is exactly an integer of at most 2^53 - 1 (`1.0` and `1e3` are), else NaN.
 * Decided on the digits: as a double, 0.9999999999999999999999 is 1 and 2^53 + 1 is 2^53.
 */
export function exactInteger(source: string): number {
  const parts = numberPattern.exec(source);
  if (parts === null) return Number.NaN;
  const [, sign, whole = '', fraction = '', exponent = '0'] = parts;
  const digits = whole + fraction;
  // Loops, because /0+$/ takes quadratic time on 16 KiB of zeros.
  let start = 0;
  while (start < digits.length && digits[start] === '0') start += 1;
  let end = digits.length;
  while (end > start && digits[end - 1] === '0') end -= 1;
  if (start === end) return 0;
  const zeros = Number(exponent) - fraction.length + (digits.length - end);
  if (zeros < 0 || end - start + zeros > safeDigitsMax) return Number.NaN;
  const value = Number(`${sign}${digits.slice(start, end)}${'0'.repeat(zeros)}`);
  // 16 digits may exceed 2^53 - 1, and then the double is at least 2^53: rounding never comes back below.
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

function malformed(what: string, cause?: unknown): RequestError {
  return new RequestError('MALFORMED_BODY', `The body ${what}.`, { cause });
}
