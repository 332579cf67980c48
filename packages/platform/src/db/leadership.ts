import { createHash } from 'node:crypto';
import pg from 'pg';
import { backoffMs, sleep } from '../backoff.ts';
import type { Logger } from '../logger.ts';

// A leader that is frozen pings no more; the server then ends its session, and with it the lock.
const idleSessionTimeoutMs = 5_000;
const pingIntervalMs = 1_000;
// A standby takes over at most this long after the lock is free.
const standbyPollMs = 500;

export interface Campaign {
  /** Whether the database answered lately: a standby is as ready as a leader. */
  isReady(): boolean;
  isLeader(): boolean;
  /** Resolves when the campaign has stopped. */
  readonly ended: Promise<void>;
}

/**
 * Leads while this process holds the advisory lock of that name, and stands by while another does, until stopped. `lead`
 * gets a signal that is aborted when the lock may be lost. For a moment there may be two leaders: their work has to bear it.
 */
export function campaign(options: {
  databaseUrl: string;
  /** Advisory locks belong to one database, so a name serves all processes of one kind. */
  name: string;
  logger: Logger;
  stopping: AbortSignal;
  lead: (signal: AbortSignal) => Promise<void>;
}): Campaign {
  const state = { answeredAtMs: 0, leading: false };
  const run = async (): Promise<void> => {
    for (let attempt = 0; !options.stopping.aborted; attempt++) {
      try {
        await holdOneSession(options, state);
        attempt = 0;
      } catch (error) {
        options.logger.warn({ err: error, leadership: options.name }, 'leadership session broke, opening another');
      }
      await sleep(backoffMs(attempt, { baseMs: 200, maxMs: 2_000 }), options.stopping);
    }
  };
  return {
    ended: run(),
    isReady: () => Date.now() - state.answeredAtMs < 3 * pingIntervalMs + standbyPollMs,
    isLeader: () => state.leading,
  };
}

async function holdOneSession(
  options: Parameters<typeof campaign>[0],
  state: { answeredAtMs: number; leading: boolean },
): Promise<void> {
  const lockKey = createHash('sha256').update(options.name).digest().readBigInt64BE();
  const session = new pg.Client({
    connectionString: options.databaseUrl,
    application_name: `${options.name} leadership`,
    connectionTimeoutMillis: 5_000,
    query_timeout: 3_000,
    keepAlive: true,
    options: `-c idle_session_timeout=${idleSessionTimeoutMs}`,
  });
  const lost = new AbortController();
  session.on('error', (error) => lost.abort(error));
  session.on('end', () => lost.abort());
  const ask = async (statement: string, values: unknown[] = []): Promise<unknown> => {
    const { rows } = await session.query<{ answer: unknown }>(statement, values);
    state.answeredAtMs = Date.now();
    return rows[0]?.answer;
  };
  await session.connect();
  let ping: NodeJS.Timeout | undefined;
  try {
    while (!(await ask('select pg_try_advisory_lock($1) as answer', [lockKey]))) {
      await sleep(standbyPollMs, options.stopping);
      if (options.stopping.aborted || lost.signal.aborted) return;
    }
    options.logger.info({ leadership: options.name }, 'leading');
    state.leading = true;
    ping = setInterval(
      () => void ask('select 1 as answer').catch((error: unknown) => lost.abort(error)),
      pingIntervalMs,
    );
    await options.lead(AbortSignal.any([options.stopping, lost.signal]));
  } finally {
    clearInterval(ping);
    if (state.leading) options.logger.info({ leadership: options.name }, 'no longer leading');
    state.leading = false;
    // Ending the session frees the lock.
    await session.end().catch(() => {});
  }
}
