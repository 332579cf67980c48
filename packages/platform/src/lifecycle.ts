import { once } from 'node:events';
import type { Logger } from './logger.ts';
import { untilChanged, type WatchTimes } from './tls.ts';

/** What a process may tell the one that runs it. */
export interface Lifecycle {
  /** Registers what must be stopped; the last registered stops first. Each gets the time that is left, then is left behind. */
  onStop(name: string, stop: () => Promise<void>): void;
  /** The process cannot go on: logs why, stops everything and exits with 1, to be started again. */
  fail(why: Error): void;
  /** Aborted as soon as the process begins to stop. */
  readonly stopping: AbortSignal;
}

// Below Kubernetes' default grace period of 30 s, with room for a preStop pause.
const stopLimitMs = 20_000;

/**
 * Runs a process from start to exit. SIGTERM or SIGINT stops it gracefully (exit 0), a second one ends it at once (exit 1).
 * An error that nobody caught is a bug: it is logged and ends the process with 1. When the content of one of the files
 * changes, it stops as on SIGTERM, to be started again with the new one.
 */
export async function runProcess(
  options: { logger: Logger; files?: readonly string[]; watchTimes?: WatchTimes; exit?: (code: number) => void },
  start: (lifecycle: Lifecycle) => Promise<void>,
): Promise<void> {
  const { logger, exit = (code) => process.exit(code) } = options;
  const stops: Array<{ name: string; stop: () => Promise<void> }> = [];
  const stopping = new AbortController();
  let exitCode = 0;

  const shutDown = async (): Promise<void> => {
    const deadline = Date.now() + stopLimitMs;
    for (const { name, stop } of stops.reverse()) {
      const finished = await within(Math.max(deadline - Date.now(), 0), stop()).catch((error: unknown) => {
        logger.error({ err: error, part: name }, 'could not stop cleanly');
        return true;
      });
      if (finished) continue;
      logger.error({ part: name }, 'did not stop in time');
      exitCode = 1;
    }
    logger.info({ exit_code: exitCode }, 'stopped');
    exit(exitCode);
  };
  let signals = 0;
  const beginStop = (): void => {
    signals += 1;
    // Counted, because the process may be stopping for another reason when the first one arrives.
    if (signals > 1) exit(1);
    stopping.abort();
  };
  const fail = (why: Error): void => {
    if (exitCode === 0) logger.fatal({ err: why }, 'failed');
    exitCode = 1;
    if (!stopping.signal.aborted) stopping.abort();
  };

  process.on('SIGTERM', beginStop);
  process.on('SIGINT', beginStop);
  process.on('uncaughtException', (error) => fail(error));
  process.on('unhandledRejection', (reason) => fail(reason instanceof Error ? reason : new Error(String(reason))));

  const stopped = once(stopping.signal, 'abort');
  const lifecycle = {
    onStop: (name: string, stop: () => Promise<void>) => void stops.push({ name, stop }),
    fail,
    stopping: stopping.signal,
  };
  void untilChanged(options.files ?? [], stopping.signal, options.watchTimes).then((changed) => {
    if (!changed) return;
    logger.info('a mounted file changed, stopping to be started with the new one');
    stopping.abort();
  });
  // A start that waits for a dependency must not hold up the stop, so the two race.
  const started = start(lifecycle).then(
    () => logger.info('started'),
    (error: unknown) => {
      if (!stopping.signal.aborted) fail(error instanceof Error ? error : new Error(String(error)));
    },
  );
  await Promise.race([stopped, started.then(() => stopped)]);
  await shutDown();
}

/** Whether the work ended within the time. */
async function within(ms: number, work: Promise<void>): Promise<boolean> {
  const timer = Promise.withResolvers<boolean>();
  const timeout = setTimeout(() => timer.resolve(false), ms);
  try {
    return await Promise.race([work.then(() => true), timer.promise]);
  } finally {
    clearTimeout(timeout);
  }
}
