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
  const keysWritten = countKeys(text);
  let keysKept = 0;
  const revive: Reviver = function (key, value, { source }) {
    if (!Array.isArray(this)) {
      keysKept += 1;
      checkText(key);
    }
    if (typeof value === 'string') checkText(value);
    return typeof value === 'number' ? exactInteger(source ?? '') : value;
  };
  const value = parseOrRefuse(text, revive);
  // JSON.parse keeps the last of equal keys. The reviver is also called once for the whole value, with the key ''.
  if (keysWritten !== keysKept - 1) throw malformed('has a key twice');
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw malformed('is not UTF-8', error);
  }
}

function parseOrRefuse(text: string, reviver: Reviver): unknown {
  try {
    return parseWithSource(text, reviver);
  } catch (error) {
    if (error instanceof RequestError) throw error;
    throw malformed('is not JSON', error);
  }
}

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;

/** Colons outside of strings: as many as keys, if the text is JSON. Refuses deep nesting before anything recurses into it. */
function countKeys(text: string): number {
  let keys = 0;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i += 1) {
    const character = text.charCodeAt(i);
    if (inString) {
      if (character === backslash) i += 1;
      else if (character === quote) inString = false;
    } else if (character === quote) inString = true;
    else if (character === colon) keys += 1;
    else if (character === 0x7b || character === 0x5b) {
      depth += 1;
      if (depth > depthMax) throw malformed(`nests deeper than ${depthMax}`);
    } else if (character === 0x7d || character === 0x5d) depth -= 1;
  }
  return keys;
}

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
