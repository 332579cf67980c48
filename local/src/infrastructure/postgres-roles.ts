import pg from 'pg';

export const SUPERUSER = 'postgres';
/** The databases listen on loopback only and hold nothing but what is tried out here. */
export const LOCAL_PASSWORD = 'local';

/** The roles of a service's database: who owns it, and those the processes log in with. Migrations grant the rights. */
export const SERVICE_ROLES = ['owner', 'service', 'relay', 'ops'] as const;

export type ServiceRole = (typeof SERVICE_ROLES)[number];

export type Service = 'orders' | 'payments';

export interface DatabaseSpec {
  readonly name: string;
  readonly owner: string;
  readonly roles: readonly string[];
}

/** The database of a service, with roles named after the service whatever the database is called. */
export function serviceDatabase(service: Service, name: string = service): DatabaseSpec {
  return { name, owner: `${service}_owner`, roles: SERVICE_ROLES.map((role) => `${service}_${role}`) };
}

export function databaseUrl(port: number, database: string, role: string): string {
  return `postgres://${role}:${LOCAL_PASSWORD}@127.0.0.1:${port}/${database}`;
}

/** Runs `work` with a superuser's connection. */
export async function asSuperuser<T>(
  port: number,
  database: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: databaseUrl(port, database, SUPERUSER),
    connectionTimeoutMillis: 5_000,
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Creates the databases and roles that are not there yet. */
export async function provisionDatabases(port: number, databases: readonly DatabaseSpec[]): Promise<void> {
  await asSuperuser(port, 'postgres', async (client) => {
    for (const { name, owner, roles } of databases) {
      for (const role of roles) await createRole(client, role);
      const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
      if (rowCount === 0) await client.query(`create database ${name} owner ${owner}`);
      await asSuperuser(port, name, (inside) => inside.query(`alter schema public owner to ${owner}`));
    }
  });
}

async function createRole(client: pg.Client, role: string): Promise<void> {
  const { rowCount } = await client.query('select from pg_roles where rolname = $1', [role]);
  if (rowCount === 0) await client.query(`create role ${role} login password '${LOCAL_PASSWORD}'`);
}
