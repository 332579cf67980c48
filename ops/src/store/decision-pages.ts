import type { OrderId, UserId } from '@order-payments/kernel/ids.ts';
import { sql, type Connection } from '@order-payments/platform/db/pool.ts';
import type { FragmentSqlToken } from 'slonik';
import { z } from 'zod';
import type { Decision } from '../domain/order-facts.ts';
import { id, type Ages } from './rows.ts';

const decisionRow = z
  .object({
    order_id: id<OrderId>(),
    payment_user_id: id<UserId>().nullable(),
    payment_amount: z.bigint().nullable(),
    payment_status: z.enum(['SUCCEEDED', 'FAILED']).nullable(),
    payment_reason: z.string().nullable(),
    is_overdue: z.boolean(),
    is_remembered: z.boolean(),
    debits: z.bigint().nullable(),
    debit_user_id: id<UserId>().nullable(),
    debit_amount: z.bigint().nullable(),
  })
  .transform((row): Decision => ({ id: row.order_id, payment: paymentOf(row), debits: debitsOf(row) }));

interface PaymentColumns {
  payment_user_id: UserId | null;
  payment_amount: bigint | null;
  payment_status: 'SUCCEEDED' | 'FAILED' | null;
  payment_reason: string | null;
  is_overdue: boolean;
  is_remembered: boolean;
}

function paymentOf(row: PaymentColumns): Decision['payment'] {
  if (row.payment_user_id === null || row.payment_amount === null || row.payment_status === null) return undefined;
  return {
    userId: row.payment_user_id,
    amount: row.payment_amount,
    status: row.payment_status,
    reason: row.payment_reason,
    isOverdue: row.is_overdue,
    isRemembered: row.is_remembered,
  };
}

function debitsOf(row: {
  debits: bigint | null;
  debit_user_id: UserId | null;
  debit_amount: bigint | null;
}): Decision['debits'] {
  if (row.debits === null || row.debit_user_id === null || row.debit_amount === null) return undefined;
  return { count: Number(row.debits), userId: row.debit_user_id, amount: row.debit_amount };
}

/**
 * The next orders that have a payment or a debit, in one snapshot. Each source gives its first distinct ids, and the
 * first of their union are the page: so a debit without a payment is found, and two debits are never parted by a page's end.
 */
export async function selectDecisionPage(
  connection: Connection,
  page: { afterId: string; limit: number },
  ages: Ages,
): Promise<readonly Decision[]> {
  return await selectDecisions(
    connection,
    sql.fragment`
      select order_id from (
        (select order_id from payments where order_id > ${page.afterId} order by order_id limit ${page.limit})
        union
        (select reference_order_id from transactions
         where type = 'DEBIT' and reference_order_id > ${page.afterId}
         group by reference_order_id order by reference_order_id limit ${page.limit})
      ) as decided
      order by order_id limit ${page.limit}`,
    ages,
  );
}

export async function selectDecisionsOf(
  connection: Connection,
  orderIds: readonly string[],
  ages: Ages,
): Promise<readonly Decision[]> {
  const decisions = await selectDecisions(
    connection,
    sql.fragment`select order_id from unnest(${sql.array(orderIds, 'uuid')}) as asked (order_id)`,
    ages,
  );
  return decisions.filter(({ payment, debits }) => payment !== undefined || debits !== undefined);
}

/** `ages.rememberedSince` is of Orders' inbox, which keeps the payments' events. */
async function selectDecisions(
  connection: Connection,
  orderIds: FragmentSqlToken,
  ages: Ages,
): Promise<readonly Decision[]> {
  return await connection.any(sql.type(decisionRow)`
    with page as materialized (${orderIds}),
    debit as (
      select t.reference_order_id as order_id, count(*) as debits, min(t.amount) as amount, min(a.user_id::text)::uuid as user_id
      from page
      join transactions t on t.type = 'DEBIT' and t.reference_order_id = page.order_id
      join accounts a on a.id = t.account_id
      group by t.reference_order_id
    )
    select page.order_id, p.user_id as payment_user_id, p.amount as payment_amount, p.status as payment_status,
      p.reason as payment_reason,
      coalesce(p.created_at < now() - make_interval(secs => ${ages.settleWithinSeconds}), false) as is_overdue,
      coalesce(p.created_at >= ${ages.rememberedSince}::timestamptz, true) as is_remembered,
      debit.debits, debit.user_id as debit_user_id, debit.amount as debit_amount
    from page
    left join payments p on p.order_id = page.order_id
    left join debit on debit.order_id = page.order_id
    order by page.order_id`);
}
