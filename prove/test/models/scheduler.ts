import { setImmediate as turnOfTheLoop, setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';

/** What an operation is told whose process is no more. */
export class ProcessDiedError extends Error {
  override readonly name = 'ProcessDiedError';
}

/** A process of the platform: everything that it has in hand dies with it. */
export class ModelProcess {
  dead = false;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** An operation that waits to be let on: a statement, a COMMIT, an answer on its way, a batch to be sent. */
export interface Turn {
  readonly process: ModelProcess;
  readonly label: string;
  go(): void;
  fail(error: Error): void;
}

/** What is waited for before the lock waits are counted: most statements take less. */
const promptMs = 3;

/**
 * Lets operations of several processes on one at a time, in an order that its caller chooses. An operation that waits for
 * a lock of another's transaction is left in the database, as PostgreSQL itself would leave it, and others have their turn.
 */
export class Scheduler {
  readonly turns: Turn[] = [];
  /** No more turns are given: everything goes on as it comes. */
  #free = false;
  #inFlight = 0;
  readonly #observer: pg.Client;
  readonly #databases: readonly string[];

  /** `observer` may see all sessions of the databases. */
  constructor(observer: pg.Client, databases: readonly string[]) {
    this.#observer = observer;
    this.#databases = databases;
  }

  get free(): boolean {
    return this.#free;
  }

  /** Waits for its turn. */
  async turn(process: ModelProcess, label: string): Promise<void> {
    if (!process.dead && !this.#free)
      await new Promise<void>((resolve, reject) => {
        const leave = (): void => void this.turns.splice(this.turns.indexOf(turn), 1);
        const turn: Turn = {
          process,
          label,
          go: () => (leave(), resolve()),
          fail: (error) => (leave(), reject(error)),
        };
        this.turns.push(turn);
      });
    if (process.dead) throw new ProcessDiedError(process.name);
  }

  /** The work at its turn. */
  async run<T>(process: ModelProcess, label: string, work: () => Promise<T>): Promise<T> {
    await this.turn(process, label);
    this.sent();
    try {
      return await work();
    } finally {
      this.answered();
    }
  }

  /** Something is under way in the database that is no turn of its own. */
  sent(): void {
    this.#inFlight += 1;
  }

  answered(): void {
    this.#inFlight -= 1;
  }

  /** Nothing of the process goes on. What it has sent to the database is done there all the same. */
  kill(process: ModelProcess): void {
    process.dead = true;
    for (const turn of this.turns.filter((one) => one.process === process))
      turn.fail(new ProcessDiedError(process.name));
  }

  release(): void {
    this.#free = true;
    for (const turn of [...this.turns]) turn.go();
  }

  /** Resolves when every operation waits: for its turn, or for a lock. */
  async quiet(): Promise<void> {
    let since = performance.now();
    for (;;) {
      const before = this.#inFlight;
      // What follows from a finished operation is on its way to its next turn.
      for (let i = 0; i < 3; i++) await turnOfTheLoop();
      if (this.#inFlight === 0) return;
      if (this.#inFlight !== before) since = performance.now();
      if (performance.now() - since < promptMs) continue;
      if (this.turns.length > 0 && (await this.#lockWaits()) === this.#inFlight) return;
      await sleep(1);
    }
  }

  async #lockWaits(): Promise<number> {
    const { rows } = await this.#observer.query<{ count: number }>(
      `select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock' and datname = any($1)`,
      [this.#databases],
    );
    return rows[0]?.count ?? 0;
  }
}
