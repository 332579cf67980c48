import type { OrderId } from '@order-payments/kernel/ids.ts';
import { sql, type Connection } from '@order-payments/platform/db/pool.ts';
import type { Payment } from '../domain/account.ts';
import { paymentColumns, paymentRow } from './rows.ts';

export async function findPayments(connection: Connection, orderIds: readonly OrderId[]): Promise<readonly Payment[]> {
  return await connection.any(sql.prepared('find-payments', paymentRow)`
    select ${paymentColumns} from payments where order_id = any(${sql.array(orderIds, 'uuid')})`);
}
