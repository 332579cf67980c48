import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from '../directories.ts';
import type { Service } from '../infrastructure/postgres-roles.ts';

export interface OpsResult {
  readonly code: number;
  readonly out: string;
}

/** What runs somewhere, with the URLs of its databases by role. */
export interface Operated<Role extends string = 'ops'> {
  readonly databases: Readonly<Record<Service, { readonly urls: Readonly<Record<Role, string>> }>>;
  readonly surroundings: { readonly schemaRegistryUrl: string };
}

/** The operator's command as an operator runs it, under the roles it has in production. */
export async function runOps(services: Operated, ...args: string[]): Promise<OpsResult> {
  return run(services, args);
}

async function run(
  { databases, surroundings }: Operated,
  args: readonly string[],
  onStart?: (pid: number | undefined) => void,
): Promise<OpsResult> {
  const { promise, resolve } = Promise.withResolvers<OpsResult>();
  const env = {
    ...process.env,
    ORDERS_DATABASE_URL: databases.orders.urls.ops,
    PAYMENTS_DATABASE_URL: databases.payments.urls.ops,
    SCHEMA_REGISTRY_URL: surroundings.schemaRegistryUrl,
  };
  const file = join(repositoryRoot, 'ops/src/main.ts');
  const child = execFile(process.execPath, [file, ...args], { env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
    resolve({ code: error === null ? 0 : Number(error.code), out: stdout + stderr });
  });
  onStart?.(child.pid);
  return promise;
}

/** What `ops reconcile` has to say of databases at rest. `onStart` gets the id of its process. */
export async function reconcile(services: Operated, onStart?: (pid: number | undefined) => void): Promise<OpsResult> {
  return run(services, ['reconcile', '--settle-within', '0', '--pause', '1'], onStart);
}
