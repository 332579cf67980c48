import type { Database, Transaction } from '@order-payments/platform/db/pool.ts';
import type { ModelProcess, Scheduler } from './scheduler.ts';

const statements = new Set(['any', 'anyFirst', 'many', 'maybeOne', 'maybeOneFirst', 'one', 'oneFirst', 'query']);

type Statement = (...args: unknown[]) => Promise<unknown>;
type Handler = (transaction: Transaction) => Promise<unknown>;

/**
 * The database as one process has it, with a turn before each statement and each COMMIT, and one more before the answer
 * to what is committed is heard: whoever dies there has done it and does not know.
 */
export function scheduledDatabase(database: Database, scheduler: Scheduler, process: ModelProcess): Database {
  const answered = async <T>(label: string, work: () => Promise<T>): Promise<T> => {
    const answer = await scheduler.run(process, label, work);
    await scheduler.turn(process, `answer to ${label}`);
    return answer;
  };
  const runTransaction = async (handler: Handler, retries?: number): Promise<unknown> => {
    const inside = async (transaction: Transaction): Promise<unknown> => {
      scheduler.answered();
      try {
        const value = await handler(
          scheduledStatements(transaction, (name, work) => scheduler.run(process, name, work)),
        );
        await scheduler.turn(process, 'commit');
        return value;
      } finally {
        // The COMMIT or the ROLLBACK.
        scheduler.sent();
      }
    };
    return await answered('transaction', async () => await database.transaction(inside, retries));
  };
  return new Proxy(scheduledStatements(database, answered), {
    get: (target, name) => (name === 'transaction' ? runTransaction : (Reflect.get(target, name) as unknown)),
  });
}

function scheduledStatements<Connection extends Database | Transaction>(
  connection: Connection,
  schedule: (name: string, work: () => Promise<unknown>) => Promise<unknown>,
): Connection {
  return new Proxy(connection, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof name !== 'string' || !statements.has(name)) return value;
      return (...args: unknown[]) => schedule(name, async () => await (value as Statement).apply(target, args));
    },
  });
}
