import { accessSync, constants } from 'node:fs';
import { z } from 'zod';

// The pieces of every process's config.ts. Each process has one schema over its environment, with every default and unit in it.

export const port = z.coerce.number().int().min(0).max(65535);
export const host = z.string().min(1);
export const milliseconds = z.coerce.number().int().min(1).max(86_400_000);
export const hours = z.coerce.number().int().min(1).max(876_000);
export const count = z.coerce.number().int().min(1).max(10_000_000);
export const databaseUrl = z.string().regex(/^postgres(ql)?:\/\//, 'must be a postgresql:// URL');
export const httpUrl = z.string().regex(/^https?:\/\//, 'must be an http:// or https:// URL');
/** A gRPC target, such as dns:///orders:50051. */
export const grpcTarget = z.string().min(1);
/** Kafka bootstrap servers, "host:port" separated by commas. */
export const brokers = z
  .string()
  .transform((list) => list.split(',').map((broker) => broker.trim()))
  .pipe(z.array(z.string().regex(/^[^:\s]+:\d+$/, 'must be host:port[,host:port...]')).min(1));

/** A file that is there and can be read. The process watches every file that a variable ending in _FILE names. */
export const file = z.string().refine(isReadable, 'names no file that can be read');

/** A database; with DATABASE_CA_FILE, one whose certificate and name are verified. Finish the schema with withDatabaseCa. */
export const databaseConfig = {
  DATABASE_URL: databaseUrl,
  /** The mounted secret that DATABASE_URL was taken from: only watched, so that the process is started again with a new password. */
  DATABASE_URL_FILE: file.optional(),
  DATABASE_CA_FILE: file.optional(),
};

/** Kafka: TLS as soon as one of the files, in PEM, is named. Read them by kafkaTls. */
export const kafkaConfig = {
  KAFKA_BROKERS: brokers,
  KAFKA_CA_FILE: file.optional(),
  KAFKA_CERT_FILE: file.optional(),
  KAFKA_KEY_FILE: file.optional(),
};

/** What a service with an inbox forgets, and when. Harmless but for one thing: `ops reconcile` asks for no event that is forgotten. */
export const retentionConfig = {
  /** How long the inbox remembers an event: longer than the topics keep it, so that an offset that is reset finds duplicates. */
  INBOX_RETENTION_HOURS: hours.default(336),
  /** How long a dead letter is kept after it was redriven or discarded. One that waits is kept for ever. */
  DEAD_LETTER_RETENTION_HOURS: hours.default(720),
  /** How often the tables are looked through. */
  RETENTION_INTERVAL_MS: milliseconds.default(3_600_000),
};

/** What every process has. */
export const baseConfig = {
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),
  METRICS_HOST: host.default('127.0.0.1'),
  METRICS_PORT: port,
};

/** The process's configuration, or one sentence for each variable at fault on stderr and exit code 78 (EX_CONFIG of sysexits.h). */
export function loadConfig<Schema extends z.ZodType>(schema: Schema, environment = process.env): z.output<Schema> {
  // An empty variable is an unset one: shells and charts cannot always leave one out.
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(present);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    const variable = issue.path.join('.');
    const problem = present[variable] === undefined ? 'is not set' : `is not valid: ${issue.message}`;
    process.stderr.write(`The environment variable ${variable} ${problem}.\n`);
  }
  process.exit(78);
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
