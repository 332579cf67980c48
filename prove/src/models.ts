// npm run prove -- --models: both services' real handlers in seeded interleavings, for minutes instead of npm test's seconds.
import { jest, runAll } from '@order-payments/local/run-all.ts';

const SECONDS_MAX = 180;
const LANES = 3;

export interface ModelsOptions {
  readonly seconds: number;
  readonly say: (what: string) => void;
}

export async function proveModels({ seconds, say }: ModelsOptions): Promise<number> {
  const limited = Math.min(seconds, SECONDS_MAX);
  say(`${limited} s of interleavings; MODELS_SEED=N in the environment repeats one`);
  const env = { MODELS_SECONDS: String(limited), MODELS_LANES: String(LANES) };
  return await runAll([{ ...jest('Models', ['--config', 'prove/models.jest.config.mjs']), env }]);
}
