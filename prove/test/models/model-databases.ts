import { createPool, sql, type Database } from '@order-payments/platform/db/pool.ts';
import type { Logger } from '@order-payments/platform/logger.ts';
import pg from 'pg';
import { infrastructure } from '@order-payments/local/test-kit/infrastructure.ts';
import { SUPERUSER, databaseUrl } from '@order-payments/local/infrastructure/postgres-roles.ts';
import { logger, openOrdersDatabase, type OrdersDatabase } from '../../../services/orders/test/orders-database.ts';
import { openPaymentsDatabase, type PaymentsDatabase } from '../../../services/payments/test/payments-database.ts';

export type ServiceName = 'orders' | 'payments';
type Roles = { readonly relay: Database; readonly ops: Database };

/** Both databases, under every role that a process of the platform has. */
export interface Databases {
  readonly orders: OrdersDatabase & Roles;
  readonly payments: PaymentsDatabase & Roles;
  readonly logger: Logger;
  /** The superuser's sessions, for what is looked at from outside. */
  readonly outside: { readonly orders: pg.Client; readonly payments: pg.Client };
  readonly names: readonly string[];
  empty(): Promise<void>;
  /** From now on the database refuses payments of this amount, as it refuses what breaks a rule; undefined: it takes all. */
  refuse(amount: bigint | undefined): Promise<void>;
  end(): Promise<void>;
}

export async function openDatabases(): Promise<Databases> {
  const [orders, payments] = await Promise.all([openOrdersDatabase(), openPaymentsDatabase()]);
  const { databasePort } = await infrastructure();
  const undo: Array<() => Promise<unknown>> = [];
  const open = async (url: string): Promise<Database> => {
    const pool = await createPool({ url, applicationName: 'models', size: 10 });
    undo.push(() => pool.end());
    return pool;
  };
  const connect = async (name: string): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: databaseUrl(databasePort, name, SUPERUSER) });
    await client.connect();
    undo.push(() => client.end());
    return client;
  };
  const rolesOf = async (url: OrdersDatabase['databaseUrl']): Promise<Roles> => ({
    relay: await open(url('relay')),
    ops: await open(url('ops')),
  });
  const names = [orders, payments].map((one) => new URL(one.databaseUrl('owner')).pathname.slice(1));
  const [ordersName = '', paymentsName = ''] = names;
  const outside = { orders: await connect(ordersName), payments: await connect(paymentsName) };
  await outside.payments.query(refusals);
  return {
    orders: { ...orders, ...(await rolesOf(orders.databaseUrl)) },
    payments: { ...payments, ...(await rolesOf(payments.databaseUrl)) },
    logger,
    outside,
    names,
    empty: async () => {
      await orders.owner.query(sql.unsafe`truncate orders, outbox, inbox, dead_letters`);
      await payments.owner.query(sql.unsafe`truncate accounts, transactions, payments, outbox, inbox, dead_letters`);
    },
    refuse: async (amount) => {
      await outside.payments.query('delete from refused');
      if (amount !== undefined) await outside.payments.query('insert into refused values ($1)', [amount]);
    },
    end: async () => {
      for (const step of undo) await step();
      await Promise.all([orders.end(), payments.end()]);
    },
  };
}

const refusals = `
  create table refused (amount bigint not null);
  create function refuse() returns trigger language plpgsql security definer as $$
    begin
      if exists (select from refused where amount = new.amount) then
        raise exception 'the model refuses this amount' using errcode = '23514';
      end if;
      return new;
    end $$;
  create trigger refuse before insert on payments for each row execute function refuse();`;
