import { loadavg } from 'node:os';
import { Shoppers } from '../../../local/test/shoppers.ts';
import type { Options } from '../options.ts';
import { openArena } from './arena.ts';
import type { Arena } from './arena.ts';
import { Tally } from './attack.ts';
import type { Attack } from './attack.ts';
import { attacks } from './attacks.ts';
import { judge, lookBefore } from './judge.ts';
import { readMemory } from './memory.ts';
import { renderTable } from './table.ts';
import type { Row } from './table.ts';

export const ATTACKS = attacks.map(({ name }) => name);

/** The quick form takes a minute or two; `--long` asks for an hour, and the long form takes less. */
const LONG_SECONDS_MIN = 600;

/** npm run prove -- --input: bad input at scale against one real platform, while a good client goes on ordering. */
export async function proveInput(
  options: Options & { readonly signal: AbortSignal; readonly say: (what: string) => void },
): Promise<number> {
  const startedAt = performance.now();
  const { seed, signal, only } = options;
  const say = (what: string): void =>
    options.say(`[${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s] ${what}`);
  say(`seed ${seed}; load average ${load()}`);
  const arena = await openArena({ seed, isLong: options.seconds >= LONG_SECONDS_MIN, say });
  try {
    const chosen = attacks.filter(({ name }) => only.length === 0 || only.includes(name));
    const rows = await Promise.race([run(arena, chosen), interrupted(signal)]);
    const isRight = rows.every(({ tally }) => tally.wrongCount === 0);
    options.say(`\n${renderTable(rows)}`);
    const unjudged = rows.reduce((sum, { tally }) => sum + tally.unjudged.length, 0);
    const green = unjudged === 0 ? 'everything holds' : `what was judged holds, ${unjudged} bounds were not judged`;
    say(`seed ${seed}; load average ${load()}; ${isRight ? green : 'NOT everything holds'}`);
    return isRight ? 0 : 1;
  } finally {
    await arena.end();
  }
}

async function run(arena: Arena, chosen: readonly Attack[]): Promise<Row[]> {
  const rows: Row[] = [];
  const shoppers = await Shoppers.open(arena.url);
  shoppers.begin();
  const before = await lookBefore(arena);
  for (const attack of chosen) {
    const row = await timed(arena, attack.name, () => attack.run(arena));
    const memory = Object.entries(await readMemory(arena.platform)).map(([name, size]) => `${name} ${size}`);
    row.tally.notes.push(`resident MB afterwards: ${memory.join(', ')}`);
    rows.push(row);
  }
  rows.push(
    await timed(arena, 'good client', async () => {
      await shoppers.rest();
      return judge(arena, shoppers, before);
    }),
  );
  return rows;
}

async function timed({ say }: Arena, name: string, work: () => Promise<Tally>): Promise<Row> {
  say(`${name}: begins`);
  const begunAt = performance.now();
  const tally = await work().catch((error: unknown) => {
    const broken = new Tally();
    broken.defect(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return broken;
  });
  const tookMs = performance.now() - begunAt;
  say(`${name}: ${tally.sent} sent, ${tally.wrongCount} wrong (${(tookMs / 1000).toFixed(1)} s)`);
  return { name, tally, tookMs };
}

async function interrupted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function load(): string {
  return loadavg()
    .map((value) => value.toFixed(2))
    .join(' ');
}
