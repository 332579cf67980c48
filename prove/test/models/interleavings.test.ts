import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openDatabases, type Databases } from './model-databases.ts';
import { playSchedule } from './schedule.ts';

// npm run prove -- --models gives minutes; in npm test a look at a few must do. MODELS_SEED repeats one that failed.
const seconds = Number(process.env['MODELS_SECONDS'] ?? 15);
const onlySeed = process.env['MODELS_SEED'];
// Each plays on databases of its own; the database works while another one's code runs.
const lanes = onlySeed === undefined ? Number(process.env['MODELS_LANES'] ?? 2) : 1;
const traceLines = 60;

let databases: Databases[];
const random = Math.random;
beforeAll(async () => {
  databases = await Promise.all(Array.from({ length: lanes }, openDatabases));
  // Backoffs are random so that many do not come back at once; here they would only cost time.
  Math.random = () => 0;
});
afterAll(async () => {
  Math.random = random;
  await Promise.all(databases.map((one) => one.end()));
});

test(
  'however the services, their clients and their deaths interleave, the money is right in the end',
  async () => {
    const first = Number(onlySeed ?? process.env['MODELS_FIRST'] ?? Math.floor(Date.now() / 1000) % 1_000_000_000);
    const deadline = Date.now() + seconds * 1_000;
    const total = { schedules: 0, turns: 0, faults: 0 };
    const failed: string[] = [];
    const playLane = async (own: Databases, lane: number): Promise<void> => {
      for (let seed = first + lane; failed.length === 0; seed += lanes) {
        const { turns, faults, violations, trace } = await playSchedule(own, seed);
        total.schedules += 1;
        total.turns += turns;
        total.faults += faults;
        if (violations.length > 0)
          failed.push(`seed ${seed}:\n${violations.join('\n')}\nafter\n${trace.slice(-traceLines).join('\n')}`);
        if (onlySeed !== undefined || Date.now() > deadline) return;
      }
    };
    await Promise.all(databases.map(playLane));
    process.stderr.write(
      `${total.schedules} interleavings of ${total.turns} turns with ${total.faults} faults, from seed ${first}\n`,
    );
    expect(failed).toEqual([]);
    expect(total.schedules).toBeGreaterThan(0);
  },
  (seconds + 60) * 1_000,
);

test('a seed plays the same schedule again', async () => {
  const [own] = databases;
  if (own === undefined) throw new Error('There are no databases.');
  for (const seed of [1, 2, 3]) {
    const [played, again] = [await playSchedule(own, seed), await playSchedule(own, seed)];
    expect(again.trace).toEqual(played.trace);
  }
});
