import { expect, test } from '@jest/globals';
import type { OrderId, UserId } from '@order-payments/kernel/ids.ts';
import fc from 'fast-check';
import { mergeById } from './merge.ts';
import type { Decision, Order, OrderFacts } from './order-facts.ts';

const order = (id: string): Order => ({
  id: id as OrderId,
  userId: 'user' as UserId,
  amount: 1n,
  status: 'NEW',
  cancelReason: null,
  isOverdue: false,
  isSwept: false,
  isRemembered: true,
});
const decision = (id: string): Decision => ({ id: id as OrderId, payment: undefined, debits: undefined });

async function* paged<Row>(rows: readonly Row[], sizes: readonly number[]): AsyncGenerator<readonly Row[]> {
  for (let start = 0, page = 0; start < rows.length; page += 1) {
    const size = sizes[page % sizes.length] ?? 1;
    yield rows.slice(start, start + size);
    start += size;
  }
}

async function collect(pages: AsyncIterable<readonly OrderFacts[]>): Promise<OrderFacts[]> {
  const all: OrderFacts[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

const sortedIds = fc.uniqueArray(fc.uuid(), { maxLength: 60 }).map((ids) => ids.sort());
// An empty page is no end: size 0 stands for it.
const pageSizes = fc
  .array(fc.integer({ min: 0, max: 7 }), { minLength: 1, maxLength: 5 })
  .filter((all) => all.some(Boolean));

test('two sorted streams give each id once, in order, with what each stream has of it, wherever the pages end', async () => {
  await fc.assert(
    fc.asyncProperty(
      sortedIds,
      fc.func(fc.integer({ min: 0, max: 2 })),
      pageSizes,
      pageSizes,
      async (ids, side, a, b) => {
        const inOrders = ids.filter((id) => side(id) !== 1);
        const inPayments = ids.filter((id) => side(id) !== 0);

        const merged = await collect(mergeById(paged(inOrders.map(order), a), paged(inPayments.map(decision), b)));

        expect(merged.map(({ id }) => id)).toEqual(ids);
        expect(merged.flatMap((facts) => facts.order?.id ?? [])).toEqual(inOrders);
        expect(merged.flatMap((facts) => facts.decision?.id ?? [])).toEqual(inPayments);
        for (const facts of merged)
          for (const row of [facts.order, facts.decision]) expect(row?.id ?? facts.id).toBe(facts.id);
      },
    ),
  );
});

test('no more than one page of each stream is taken ahead of what was given out', async () => {
  let pagesRead = 0;
  async function* endless(): AsyncGenerator<readonly Order[]> {
    for (let number = 0; ; number += 1) {
      pagesRead += 1;
      yield [order(`${number}`.padStart(9, '0'))];
    }
  }
  const merged = mergeById(endless(), paged<Decision>([], [1]));
  await merged.next();
  await merged.next();
  expect(pagesRead).toBe(2);
  await merged.return(undefined);
});
