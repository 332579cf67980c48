import type { Random } from '../../random.ts';

/** Pieces of bytes that parsers stumble over. */
const TOKENS = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  '\r\n\r\n',
  ' ',
  '\t',
  ':',
  '%00',
  '%zz',
  '%',
  '/../',
  '//',
  '\x7f',
  '\xff\xfe',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Content-Length: +5\r\n',
  'Content-Length: 18446744073709551617\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'Transfer-Encoding: chunked, identity\r\n',
  'Connection: upgrade\r\nUpgrade: h2c\r\n',
  'Expect: 100-continue\r\n',
  'Host: other\r\n',
  ' folded\r\n',
  'ffffffffffffffff\r\n',
  '0\r\n\r\n',
  'HTTP/1.0',
  'HTTP/9.9',
  'GET / HTTP/1.1\r\nHost: g\r\n\r\n',
  '{"a":'.repeat(40),
  '"\\ud800"',
  '1e400',
  '9007199254740993',
];

type Mutation = (bytes: Buffer, random: Random) => Buffer;

const splice = (bytes: Buffer, at: number, removed: number, inserted: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)]);

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => {
    const flipped = Buffer.from(bytes);
    const at = random.below(flipped.length);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8));
    return flipped;
  },
  (bytes, random) => splice(bytes, random.below(bytes.length), 1 + random.below(8), Buffer.alloc(0)),
  (bytes, random) => splice(bytes, random.below(bytes.length), 0, chanceBytes(random, 1 + random.below(8))),
  (bytes, random) => splice(bytes, random.below(bytes.length), 0, Buffer.from(random.pick(TOKENS), 'latin1')),
  (bytes, random) => splice(bytes, afterALine(bytes, random), 0, Buffer.from(random.pick(TOKENS), 'latin1')),
  (bytes, random) => {
    const from = random.below(bytes.length);
    return splice(bytes, from, 0, bytes.subarray(from, from + 1 + random.below(60)));
  },
  (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  (bytes, random) => splice(bytes, random.below(bytes.length), 0, Buffer.alloc(1 + random.below(20_000), 'A')),
  (bytes, random) => {
    const line = afterALine(bytes, random);
    const end = bytes.indexOf('\r\n', line);
    return end === -1 ? bytes : splice(bytes, random.below(bytes.length), 0, bytes.subarray(line, end + 2));
  },
];

export function chanceBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

/** One to three mutations of valid bytes, cut into one to four pieces. */
export function mutate(valid: Buffer, random: Random): Buffer[] {
  let bytes = valid;
  for (let times = 1 + random.below(3); times > 0 && bytes.length > 0; times -= 1)
    bytes = random.pick(MUTATIONS)(bytes, random);
  const cuts = Array.from({ length: random.below(4) }, () => random.below(bytes.length + 1)).toSorted((a, b) => a - b);
  return [0, ...cuts].map((from, i) => bytes.subarray(from, cuts[i] ?? bytes.length));
}

/** Where headers begin, and so where a line more does most harm. */
function afterALine(bytes: Buffer, random: Random): number {
  const starts: number[] = [];
  for (let at = bytes.indexOf('\r\n'); at !== -1; at = bytes.indexOf('\r\n', at + 2)) starts.push(at + 2);
  return starts.length === 0 ? 0 : random.pick(starts);
}
