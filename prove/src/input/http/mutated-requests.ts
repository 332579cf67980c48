import type { Arena } from '../arena.ts';
import { inParallel, Tally } from '../attack.ts';
import type { Attack } from '../attack.ts';
import { seededRandom } from '../../random.ts';
import type { Random } from '../../random.ts';
import { exchange } from './exchange.ts';
import type { Exchange } from './exchange.ts';
import { mutate } from './mutate.ts';
import type { WireResponse } from './response-reader.ts';

const CONNECTIONS = 32;
/** What a gateway may say to anything at all; 503 and 504 only with what a client needs to know. */
const STATUSES = new Set([100, 200, 201, 204, 400, 404, 405, 406, 408, 409, 413, 415, 417, 422, 431, 503, 504]);
/** A stack, a path, an address or SQL. */
const LEAK = /127\.0\.0\.1|node_modules|\.ts\b|ECONN|\\n +at |select |insert into/i;

interface Outcome extends Exchange {
  readonly what: string;
  readonly userId: string;
  /** Another request comes first, and a refusal may be that one's: the order's own answer may come after we left. */
  readonly isPipelined: boolean;
}

/** Valid requests with a key that tells which one it was, mutated by chance. */
export const mutatedRequests: Attack = {
  name: 'raw-http',
  run: async (arena) => {
    const tally = new Tally();
    const outcomes = new Map<string, Outcome>();
    const numbers = Array.from({ length: arena.isLong ? 100_000 : 4_000 }, (_, i) => i);
    await inParallel(CONNECTIONS, numbers, async (n) => {
      const key = `raw-${n}`;
      // Of its own: what this one sends does not depend on when the others were answered.
      const random = seededRandom(arena.seed, key);
      const { bytes, userId, isPipelined } = validRequest(key, random);
      const pieces = mutate(bytes, random);
      const outcome = await exchange(arena.platform.ports.http, pieces);
      const what = `${key} ${JSON.stringify(Buffer.concat(pieces).toString('latin1').slice(0, 500))}`;
      outcomes.set(key, { ...outcome, what, userId, isPipelined });
      tally.sent += 1;
      judgeExchange(outcome, what, tally);
      if (tally.sent % 20_000 === 0) arena.say(`raw-http: ${tally.sent} sent, ${tally.wrongCount} wrong`);
    });
    await judgeDeeds(arena, outcomes, tally);
    return tally;
  },
};

function validRequest(key: string, random: Random): { bytes: Buffer; userId: string; isPipelined: boolean } {
  const user = random.uuid();
  const order = JSON.stringify({ user_id: user, amount: 1 + random.below(1_000), description: 'mutated' });
  const head = (line: string, ...headers: string[]): string =>
    [`${line} HTTP/1.1`, 'Host: gateway', `Idempotency-Key: ${key}`, ...headers, '', ''].join('\r\n');
  const json = 'Content-Type: application/json';
  const post = head('POST /orders', json, `Content-Length: ${order.length}`) + order;
  const chunked = `${head('POST /orders', json, 'Transfer-Encoding: chunked')}${order.length.toString(16)}\r\n${order}\r\n0\r\n\r\n`;
  const topUp = `${head(`POST /accounts/${user}/top-ups`, json, 'Content-Length: 12')}{"amount":5}`;
  const list = head(`GET /orders?user_id=${user}&limit=5`, 'Accept: application/json');
  const read = head(`GET /accounts/${user}/transactions`);
  const text = random.pick([post, post, chunked, chunked, topUp, list, read, list + post, post + read]);
  return { bytes: Buffer.from(text, 'latin1'), userId: user, isPipelined: text === list + post };
}

function judgeExchange({ responses, nonsense, isClosed, tookMs }: Exchange, what: string, tally: Tally): void {
  if (nonsense !== undefined) tally.defect(`${nonsense} to ${what}`);
  if (responses.length === 0) tally.count(isClosed ? 'closed' : 'open');
  tally.demand(isClosed, `open ${Math.round(tookMs)} ms after the client said its last to ${what}`);
  for (const response of responses) {
    tally.count(String(response.status));
    const wrong = wrongOf(response);
    if (wrong !== undefined) tally.defect(`${wrong} in ${response.body.toString().slice(0, 300)} to ${what}`);
  }
}

function wrongOf({ status, head, body }: WireResponse): string | undefined {
  if (!STATUSES.has(status)) return `status ${status}`;
  if (status < 400) return undefined;
  if (!/\r\ncontent-type: application\/problem\+json/i.test(head)) return 'no problem+json';
  const problem = JSON.parse(body.toString()) as Record<string, unknown>;
  if (problem['status'] !== status || typeof problem['code'] !== 'string') return 'no problem';
  if (LEAK.test(body.toString())) return 'a leak';
  return status === 503 && !/\r\nretry-after: /i.test(head) ? 'a 503 without Retry-After' : undefined;
}

/** I5 and I7 of what was mutated: a 201 is there, and what was only refused is not. */
async function judgeDeeds({ databases }: Arena, outcomes: ReadonlyMap<string, Outcome>, tally: Tally): Promise<void> {
  const { rows } = await databases.orders.query<{ id: string; key: string; user_id: string }>(
    `select id, idempotency_key as key, user_id from orders where idempotency_key like 'raw-%'`,
  );
  const { rows: credits } = await databases.payments.query<{ id: string; key: string }>(
    `select id, idempotency_key as key from transactions where idempotency_key like 'raw-%'`,
  );
  tally.demand(credits.length === 0, `${credits.length} top-ups of users without an account`);
  const ids = new Set(rows.map(({ id }) => id));
  for (const { id, key, user_id } of rows) {
    const outcome = outcomes.get(key);
    // A mutated key may have become another one's.
    if (outcome === undefined || outcome.userId !== user_id || outcome.isPipelined) continue;
    const { responses, what } = outcome;
    const isRefused = responses.length > 0 && responses.every(({ status }) => status >= 400 && status < 500);
    tally.demand(
      !isRefused,
      `order ${id} was only refused: ${responses.map(({ status }) => status).join()} to ${what}`,
    );
  }
  let made = 0;
  for (const { status, body } of [...outcomes.values()].flatMap(({ responses }) => responses)) {
    if (status !== 201) continue;
    made += 1;
    const { id, user_id: userId } = JSON.parse(body.toString()) as Record<string, string>;
    // A mutated key may be another one's, or none at all; the order must be there in any case.
    if (id !== undefined && ids.has(id)) continue;
    const { rowCount } = await databases.orders.query('select from orders where id = $1 and user_id = $2', [
      id,
      userId,
    ]);
    tally.demand(rowCount === 1, `order ${id} was answered 201 and is not there`);
  }
  tally.notes.push(`${made} mutants were good orders still, and each is there; of those refused none is`);
}
