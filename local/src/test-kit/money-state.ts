import pg from 'pg';
import type { TestServices } from './start-services.ts';

/** Both databases under the superuser, who may do what no process may. */
export interface SuperuserClients {
  readonly orders: pg.Client;
  readonly payments: pg.Client;
  end(): Promise<void>;
}

export async function connectAsSuperuser({ databases }: TestServices): Promise<SuperuserClients> {
  const [orders, payments] = [databases.orders, databases.payments].map(
    ({ urls }) => new pg.Client({ connectionString: urls.superuser }),
  );
  if (orders === undefined || payments === undefined) throw new Error('There are two databases.');
  await Promise.all([orders.connect(), payments.connect()]);
  return {
    orders,
    payments,
    end: async () => {
      await Promise.all([orders.end(), payments.end()]);
    },
  };
}

const TABLES = { orders: ['orders'], payments: ['accounts', 'transactions', 'payments'] } as const;

/** A digest of every row that says who ordered, owns or paid what: equal digests are equal states. */
export async function moneyState(clients: SuperuserClients): Promise<Record<string, string>> {
  const state: Record<string, string> = {};
  for (const service of ['orders', 'payments'] as const)
    for (const table of TABLES[service]) {
      const { rows } = await clients[service].query<{ digest: string }>(
        `select count(*) || ' rows, ' || md5(coalesce(string_agg(t::text, ',' order by t::text), '')) as digest from ${table} t`,
      );
      state[table] = rows[0]?.digest ?? '';
    }
  return state;
}

/** Resolves with the number of orders when none of them is NEW any more. */
export async function countUnsettled({ orders }: SuperuserClients): Promise<number> {
  const { rows } = await orders.query<{ count: number }>(
    `select count(*)::int as count from orders where status = 'NEW'`,
  );
  return rows[0]?.count ?? 0;
}
