import { createReadStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { platformDirectory } from '@order-payments/local/directories.ts';
import { once } from '@order-payments/local/infrastructure/once.ts';
import { withProgress } from '@order-payments/local/infrastructure/progress.ts';
import type { Say } from '@order-payments/local/infrastructure/progress.ts';
import { runTied } from '@order-payments/local/process/spawn-tied.ts';
import { Tally } from './attack.ts';
import type { Attack } from './attack.ts';

const VERSION = '4.32.5';

/** One process of schemathesis: which phases, and how many cases of each operation. */
interface Campaign {
  readonly name: string;
  readonly phases: string;
  readonly cases: number;
}

// Processes and not workers: its coverage phase breaks in threads (CPython's "AST constructor recursion depth mismatch").
const QUICK: readonly Campaign[] = [
  { name: 'examples-and-coverage', phases: 'examples,coverage', cases: 1 },
  { name: 'fuzzing', phases: 'fuzzing', cases: 50 },
  { name: 'stateful', phases: 'stateful', cases: 20 },
];
// 21,000 requests and more.
const LONG: readonly Campaign[] = [
  { name: 'examples-and-coverage', phases: 'examples,coverage', cases: 1 },
  { name: 'fuzzing-1', phases: 'fuzzing', cases: 1_200 },
  { name: 'fuzzing-2', phases: 'fuzzing', cases: 1_200 },
  { name: 'stateful', phases: 'stateful', cases: 600 },
];
/** In the long run there must be so many requests. */
const LONG_MIN = 20_000;

/**
 * All checks but one: positive_data_acceptance says that whatever fits the schemas is done. But a cursor of the right form
 * may be nobody's, and a key may have been used for another request.
 */
const CHECKS = ['--checks', 'all', '--exclude-checks', 'positive_data_acceptance'];

/** Requests generated from the OpenAPI document by schemathesis, which knows nothing of us but that document. */
export const openApiRequests: Attack = {
  name: 'openapi',
  run: async (arena) => {
    const home = await installSchemathesis(arena.say);
    const directory = join(arena.directory, 'schemathesis');
    await mkdir(directory, { recursive: true });
    const tally = new Tally();
    await Promise.all(
      (arena.isLong ? LONG : QUICK).map(async (campaign, index) => {
        const report = join(directory, `${campaign.name}.ndjson`);
        // Two that do the same with one seed would send the same.
        const seed = arena.seed + index;
        await runTied(command({ home, directory, report, seed, url: arena.url }, campaign)).catch((error: unknown) =>
          tally.defect(`${campaign.name}: ${error instanceof Error ? error.message : String(error)}`),
        );
        const sent = await readReport(report, tally);
        arena.say(`openapi: ${campaign.name}: ${sent} requests`);
      }),
    );
    tally.demand(!arena.isLong || tally.sent >= LONG_MIN, `only ${tally.sent} requests were sent`);
    return tally;
  },
};

/** Into a folder of its own with --target: Debian's Python may lack the module that makes virtual environments. */
async function installSchemathesis(say: Say): Promise<string> {
  return once(join(platformDirectory, 'tools', `schemathesis-${VERSION}`), say, (directory) =>
    withProgress(say, 'Installing schemathesis with pip (once)', async () => {
      const pip = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--target', directory];
      await runTied({ file: 'python3', args: [...pip, `schemathesis==${VERSION}`] });
    }),
  );
}

function command(
  where: { home: string; directory: string; report: string; seed: number; url: string },
  { phases, cases }: Campaign,
): Parameters<typeof runTied>[0] {
  const quiet = ['--no-color', '--warnings', 'off', '--generation-database', 'none'];
  const options = ['--seed', String(where.seed), '-n', String(cases), '-w', '1', '--phases', phases];
  const reports = ['--report', 'ndjson', '--report-ndjson-path', where.report];
  return {
    file: 'python3',
    args: [
      join(where.home, 'bin', 'schemathesis'),
      'run',
      `${where.url}/swagger/doc.json`,
      ...CHECKS,
      ...quiet,
      ...options,
      ...reports,
      '--continue-on-failure',
    ],
    cwd: where.directory,
    env: { PYTHONPATH: where.home },
  };
}

interface ReportLine {
  readonly ScenarioFinished?: {
    readonly recorder?: {
      readonly interactions?: Readonly<Record<string, { readonly response?: { readonly status_code: number } | null }>>;
    };
  };
}

/** Every request that it sent, by the answer that it got. */
async function readReport(path: string, tally: Tally): Promise<number> {
  let sent = 0;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const { ScenarioFinished: scenario } = JSON.parse(line) as ReportLine;
    for (const { response } of Object.values(scenario?.recorder?.interactions ?? {})) {
      sent += 1;
      tally.count(String(response?.status_code ?? 'none'));
      tally.demand(response !== undefined && response !== null, 'a request got no answer');
    }
  }
  tally.sent += sent;
  return sent;
}
