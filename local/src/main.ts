// npm start: the whole platform on this machine, until Ctrl-C.
import { join } from 'node:path';
import { tryLock, unlock } from '../process-lock.mjs';
import { banner } from './banner.ts';
import { parseCommandLine } from './command-line.ts';
import { platformDirectory } from './directories.ts';
import { beginPlatform } from './platform.ts';
import type { PlatformEvent } from './platform.ts';
import { PortError, portsFromEnvironment } from './ports.ts';
import type { Failure } from './process/supervisor.ts';

const USAGE = `npm start [-- options]
  --fresh  begins with empty databases and topics`;

/** A Ctrl-C may arrive twice, from the terminal and from npm: what follows so closely is the same press. */
const SAME_PRESS_MS = 1_000;

const startedAt = performance.now();
const lock = join(platformDirectory, 'running.lock');
// Not by itself: a download or a probe that was under way must not hold up the end.
process.exit(await main());

async function main(): Promise<number> {
  const { values } = parseCommandLine(USAGE, { fresh: { type: 'boolean', default: false } });
  const other = tryLock(lock);
  if (other !== undefined) {
    complain(`The platform runs in this checkout already (process ${other}): end that one first.`);
    return 1;
  }
  try {
    return await run(values.fresh);
  } catch (error) {
    if (!(error instanceof PortError)) throw error;
    complain(error.message);
    return 1;
  } finally {
    unlock(lock);
  }
}

async function run(fresh: boolean): Promise<number> {
  const platform = await beginPlatform({ ports: portsFromEnvironment(process.env), fresh, onEvent: report });
  const { promise: asked, resolve: ask } = Promise.withResolvers<undefined>();
  let firstSignalAt: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const now = performance.now();
      firstSignalAt ??= now;
      if (now - firstSignalAt > SAME_PRESS_MS) platform.killAll();
      ask(undefined);
    });
  }
  // A failure settles `ready` too, and is told below.
  void platform.ready.then(
    () => firstSignalAt === undefined && say(banner(platform)),
    () => undefined,
  );
  const failure = await Promise.race([platform.failed, asked]);
  if (failure === undefined) say('Stopping (once more to kill at once)');
  else complain(describeFailure(failure));
  await platform.stop();
  say('Stopped.');
  return failure === undefined ? 0 : 1;
}

function report(event: PlatformEvent): void {
  if (event.type === 'progress') say(event.message);
  else if (event.type === 'died')
    complain(`${event.part}: ${event.reason}. Starting it again in ${event.againInMs} ms.`);
  else if (event.type === 'ready' || event.type === 'done') {
    say(`${event.part}: ${event.type} (${(event.tookMs / 1000).toFixed(1)} s)`);
  } else if (event.type === 'stopped') say(`${event.part}: stopped`);
}

function describeFailure({ part, reason, lastLines, log }: Failure): string {
  const told = `The platform ends, because ${part} ${reason}`;
  return lastLines.length === 0 ? told : `${told}\nIts last lines (${log}):\n  ${lastLines.join('\n  ')}`;
}

function say(message: string): void {
  process.stdout.write(`${stamp()} ${message}\n`);
}

function complain(message: string): void {
  process.stderr.write(`${stamp()} ${message}\n`);
}

function stamp(): string {
  return `[${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s]`;
}
