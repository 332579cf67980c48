// npm run prove -- --models: both services' real handlers in seeded interleavings, for minutes instead of npm test's seconds.
import { jest, runAll } from '@order-payments/local/run-all.ts';

const SECONDS_MAX = 180;
const LANES = 3;

export interface ModelsOptions {
  /** Of the first interleaving; the next has the next. */
  readonly seed: number;
  readonly seconds: number;
  readonly say: (what: string) => void;
}

export async function proveModels({ seed, seconds, say }: ModelsOptions): Promise<number> {
  const limited = Math.min(seconds, SECONDS_MAX);
  say(`${limited} s of interleavings from seed ${seed}; MODELS_SEED=N in the environment plays that one alone`);
  const env = { MODELS_SECONDS: String(limited), MODELS_LANES: String(LANES), MODELS_FIRST: String(seed) };
  return await runAll([{ ...jest('Models', ['--config', 'prove/models.jest.config.mjs']), env }]);
}
