import { describe, expect, test } from '@jest/globals';
import { createBatchQueue, type Waiting } from './batch-queue.ts';

type Batch = ReadonlyArray<Waiting<number, number>>;
const soon = (): number => Date.now() + 5_000;
const turn = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

/** A queue whose batches end when the test says so. */
function heldQueue(limits: { slots: number; batchSizeMax: number; lengthMax: number }) {
  const batches: Array<{ items: number[]; end: () => void }> = [];
  const queue = createBatchQueue<number, number>(limits, async (batch: Batch) => {
    const held = Promise.withResolvers<void>();
    batches.push({ items: batch.map(({ item }) => item), end: held.resolve });
    await held.promise;
    for (const { item, resolve } of batch) resolve(item * 10);
  });
  return { queue, batches };
}

describe('a batch queue', () => {
  test('starts a lone item in the same turn and lets the rest grow into the next batch while all slots are taken', async () => {
    const { queue, batches } = heldQueue({ slots: 2, batchSizeMax: 3, lengthMax: 100 });
    const answers = [queue.add(1, soon())];
    await turn();
    answers.push(queue.add(2, soon()));
    await turn();
    answers.push(...[3, 4, 5, 6].map((item) => queue.add(item, soon())));
    await turn();
    expect(batches.map(({ items }) => items)).toEqual([[1], [2]]);
    batches[0]?.end();
    await turn();
    expect(batches.map(({ items }) => items)).toEqual([[1], [2], [3, 4, 5]]);
    for (let index = 1; index < 4; index++) {
      batches[index]?.end();
      await turn();
    }
    expect(await Promise.all(answers)).toEqual([10, 20, 30, 40, 50, 60]);
  });

  test('gives the items of a batch that fails its error, and goes on', async () => {
    const queue = createBatchQueue<number, number>({ slots: 1, batchSizeMax: 2, lengthMax: 9 }, async (batch) => {
      for (const { item, resolve } of batch) {
        if (item === 2) throw new Error('broken');
        resolve(item);
      }
    });
    const results = await Promise.allSettled([1, 2, 3].map((item) => queue.add(item, soon())));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  test('drops whole batches of expired items without occupying a slot', async () => {
    const { queue, batches } = heldQueue({ slots: 1, batchSizeMax: 2, lengthMax: 9 });
    const expired = [1, 2, 3].map((item) => queue.add(item, Date.now() - 1).catch((error: unknown) => error));
    const live = queue.add(4, soon());
    await turn();
    expect(batches.map(({ items }) => items)).toEqual([[4]]);
    batches[0]?.end();
    expect(await live).toBe(40);
    for (const result of await Promise.all(expired)) expect(result).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await queue.stop();
  });
});
