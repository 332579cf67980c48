import pg from 'pg';

export const SUPERUSER = 'postgres';
/** The databases listen on loopback only and hold nothing but what is tried out here. */
export const LOCAL_PASSWORD = 'local';

/** Roles beside the owner: those the processes log in with. Migrations grant each its rights. */
const ROLES = ['owner', 'service', 'relay', 'ops'] as const;

export type DatabaseRole = (typeof ROLES)[number];

export interface DatabaseSpec {
  readonly name: string;
  /** `service-roles`: `<name>_owner` owns it, the others are there. `one-role`: a role of its own name owns it. */
  readonly roles: 'service-roles' | 'one-role';
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
    for (const { name, roles } of databases) {
      const names = roles === 'one-role' ? [name] : ROLES.map((role) => `${name}_${role}`);
      for (const role of names) await createRole(client, role);
      const owner = names[0] ?? name;
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
