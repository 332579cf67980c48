import { join } from 'node:path';
import type { Part } from '../process/part.ts';
import { startPart } from '../process/run-part.ts';
import type { Directories, RunningPart } from '../process/run-part.ts';
import { downloadRegistry } from './downloads.ts';
import { findJava } from './java.ts';
import { LOCAL_PASSWORD } from './postgres-roles.ts';
import type { DatabaseSpec } from './postgres-roles.ts';
import type { Say } from './progress.ts';

/** The database, and the role that owns it, where the registry keeps the schemas: so their ids survive. */
export const REGISTRY_DATABASE: DatabaseSpec = { name: 'registry', owner: 'registry', roles: ['registry'] };

export interface RegistryOptions {
  readonly name: string;
  readonly port: number;
  readonly databasePort: number;
  readonly after: readonly string[];
  readonly say: Say;
}

/** Apicurio Registry on loopback, stored in PostgreSQL. */
export function registryPart(options: RegistryOptions): Part {
  return {
    name: options.name,
    kind: 'service',
    after: options.after,
    stopTimeoutMs: 4_000,
    address: registryUrl(options.port),
    prepare: async () => void (await downloadRegistry(options.say)),
    command: async () => ({
      file: await findJava(options.say),
      args: [
        '-Xmx128m',
        '-Xss256k',
        '-XX:+UseSerialGC',
        // The registry answers a handful of requests a day, so code compiled quickly beats code compiled well.
        '-XX:TieredStopAtLevel=1',
        ...Object.entries(properties(options)).map(([key, value]) => `-D${key}=${value}`),
        '-jar',
        join(await downloadRegistry(options.say), 'quarkus-run.jar'),
      ],
    }),
    probe: async () => {
      const response = await fetch(`${registryUrl(options.port)}/subjects`, { signal: AbortSignal.timeout(2_000) });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`The registry answers ${response.status}.`);
    },
  };
}

export function startRegistry(options: RegistryOptions, directories: Directories): Promise<RunningPart> {
  return startPart(registryPart(options), directories);
}

/** The registry's Confluent-compatible interface. */
export function registryUrl(port: number): string {
  return `http://127.0.0.1:${port}/apis/ccompat/v7`;
}

function properties({ port, databasePort }: RegistryOptions): Record<string, string> {
  return {
    'quarkus.http.host': '127.0.0.1',
    'quarkus.http.port': String(port),
    // Nobody here asks its management interface, which cannot be switched off: any free port will do.
    'quarkus.management.host': '127.0.0.1',
    'quarkus.management.port': '0',
    'apicurio.storage.kind': 'sql',
    'apicurio.storage.sql.kind': 'postgresql',
    'apicurio.datasource.url': `jdbc:postgresql://127.0.0.1:${databasePort}/${REGISTRY_DATABASE.name}`,
    'apicurio.datasource.username': REGISTRY_DATABASE.owner,
    'apicurio.datasource.password': LOCAL_PASSWORD,
    'apicurio.datasource.jdbc.max-size': '5',
    'apicurio.datasource.jdbc.initial-size': '1',
    'apicurio.datasource.jdbc.min-size': '1',
  };
}
