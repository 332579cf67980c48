import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from '../directories.ts';
import type { TestServices } from './start-services.ts';

export interface OpsResult {
  readonly code: number;
  readonly out: string;
}

type Running = Pick<TestServices, 'databases' | 'surroundings'>;

/** The operator's command as an operator runs it, under the roles it has in production. */
export async function runOps({ databases, surroundings }: Running, ...args: string[]): Promise<OpsResult> {
  const { promise, resolve } = Promise.withResolvers<OpsResult>();
  const env = {
    ...process.env,
    ORDERS_DATABASE_URL: databases.orders.urls.ops,
    PAYMENTS_DATABASE_URL: databases.payments.urls.ops,
    SCHEMA_REGISTRY_URL: surroundings.schemaRegistryUrl,
  };
  const file = join(repositoryRoot, 'ops/src/main.ts');
  execFile(process.execPath, [file, ...args], { env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
    resolve({ code: error === null ? 0 : Number(error.code), out: stdout + stderr });
  });
  return promise;
}

/** What `ops reconcile` has to say of databases at rest. */
export async function reconcile(services: Running): Promise<OpsResult> {
  return runOps(services, 'reconcile', '--settle-within', '0', '--pause', '1');
}
