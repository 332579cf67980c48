import type { OrderId } from '@order-payments/kernel/ids.ts';
import type { Decision, Order, OrderFacts } from './order-facts.ts';

/**
 * Joins two streams that are sorted by order id, each id at most once in each. Both come in pages, and so do the pairs:
 * only the two pages at hand are in memory, and a page is merged without waiting. Ids compare as text, because
 * PostgreSQL sorts a uuid by its bytes and their lower-case hexadecimal form sorts the same.
 */
export async function* mergeById(
  orderPages: AsyncIterable<readonly Order[]>,
  decisionPages: AsyncIterable<readonly Decision[]>,
): AsyncGenerator<OrderFacts[]> {
  const orders = cursor(orderPages);
  const decisions = cursor(decisionPages);
  for (;;) {
    await orders.fill();
    await decisions.fill();
    const pairs: OrderFacts[] = [];
    while (canCompare(orders, decisions)) pairs.push(takePair(orders, decisions));
    if (pairs.length === 0) return;
    yield pairs;
  }
}

interface Cursor<Row> {
  /** Makes sure that there is a row at hand, unless the stream has ended. */
  fill(): Promise<void>;
  peek(): Row | undefined;
  next(): void;
  hasEnded(): boolean;
}

/** Without a row at hand, a stream that goes on must be read before anything is known of its next id. */
function canCompare(left: Cursor<unknown>, right: Cursor<unknown>): boolean {
  if (left.peek() === undefined && !left.hasEnded()) return false;
  if (right.peek() === undefined && !right.hasEnded()) return false;
  return left.peek() !== undefined || right.peek() !== undefined;
}

function takePair(orders: Cursor<Order>, decisions: Cursor<Decision>): OrderFacts {
  const order = orders.peek();
  const decision = decisions.peek();
  const id = lesser(order?.id, decision?.id);
  const pair = {
    id,
    order: order?.id === id ? order : undefined,
    decision: decision?.id === id ? decision : undefined,
  };
  if (pair.order !== undefined) orders.next();
  if (pair.decision !== undefined) decisions.next();
  return pair;
}

function lesser(left: OrderId | undefined, right: OrderId | undefined): OrderId {
  if (left === undefined || right === undefined) {
    const only = left ?? right;
    if (only === undefined) throw new RangeError('there is no row to take');
    return only;
  }
  return left <= right ? left : right;
}

function cursor<Row>(pages: AsyncIterable<readonly Row[]>): Cursor<Row> {
  const iterator = pages[Symbol.asyncIterator]();
  let page: readonly Row[] = [];
  let index = 0;
  let ended = false;
  return {
    async fill() {
      while (!ended && index >= page.length) {
        const next = await iterator.next();
        ended = next.done === true;
        page = next.done === true ? [] : next.value;
        index = 0;
      }
    },
    peek: () => page[index],
    next: () => void (index += 1),
    hasEnded: () => ended,
  };
}
