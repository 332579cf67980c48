import { z } from 'zod';
import { sleep } from '../backoff.ts';
import { sql, type Connection } from './pool.ts';

// A probe waits a second or two; a database that takes longer is no use to a call either.
const patienceMs = 1_000;

/** Whether the database answers now. */
export async function isAnswering(connection: Connection): Promise<boolean> {
  const asking = connection.one(sql.type(z.object({ answer: z.number() }))`select 1 as answer`).then(
    () => true,
    () => false,
  );
  return await Promise.race([asking, sleep(patienceMs).then(() => false)]);
}
