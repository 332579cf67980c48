/** Says what is being done to whoever watches. */
export type Say = (message: string) => void;

const TELL_EVERY_MS = 5_000;

/** Runs something slow and says so: at its start, every few seconds, and at its end. */
export async function withProgress<T>(say: Say, what: string, work: () => Promise<T>): Promise<T> {
  const startedAt = Date.now();
  const seconds = (): number => Math.round((Date.now() - startedAt) / 1000);
  say(what);
  const timer = setInterval(() => say(`${what}: ${seconds()} s so far`), TELL_EVERY_MS);
  try {
    const result = await work();
    say(`${what}: done in ${seconds()} s`);
    return result;
  } finally {
    clearInterval(timer);
  }
}
