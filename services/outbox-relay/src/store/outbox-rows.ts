import { sql, type Connection } from '@order-payments/platform/db/pool.ts';
import { z } from 'zod';

const rowSchema = z.object({ id: z.bigint(), topic: z.string(), key: z.string(), payload: z.instanceof(Buffer) });

/** An event as it waits in the outbox. */
export type OutboxRow = z.output<typeof rowSchema>;

/** The first rows above one id and up to another, in id order, without those that are in hand. */
export async function selectRows(
  connection: Connection,
  page: { aboveId: bigint; upToId: bigint; withoutIds: readonly bigint[]; limit: number },
): Promise<readonly OutboxRow[]> {
  return await connection.any(sql.type(rowSchema)`
    select id, topic, key, payload
    from outbox
    where id > ${page.aboveId} and id <= ${page.upToId} and id <> all (${sql.array(page.withoutIds, 'int8')})
    order by id
    limit ${page.limit}`);
}

export async function deleteRows(connection: Connection, ids: readonly bigint[]): Promise<void> {
  await connection.query(sql.unsafe`delete from outbox where id = any (${sql.array(ids, 'int8')})`);
}
