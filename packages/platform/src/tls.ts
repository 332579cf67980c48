import { readFileSync } from 'node:fs';
import { sleep } from './backoff.ts';

// Certificates come as mounted files that operators renew. Whoever opens a connection gets them from here.

/**
 * The connection URL for whatever opens a session: with a CA the server has to prove its name by a certificate of that CA
 * (verify-full). pg verifies by the file that `sslrootcert` names, unless `sslmode` says less; createPool does the same.
 */
export function secureDatabaseUrl(url: string, caFile: string | undefined): string {
  if (caFile === undefined) return url;
  const secured = new URL(url);
  for (const weaker of ['sslmode', 'ssl', 'uselibpqcompat']) secured.searchParams.delete(weaker);
  secured.searchParams.set('sslrootcert', caFile);
  return secured.toString();
}

/** A config.ts's transform: DATABASE_URL leaves it ready for use, so that no session can be opened without the CA. */
export function withDatabaseCa<
  Config extends { readonly DATABASE_URL: string; readonly DATABASE_CA_FILE?: string | undefined },
>(config: Config): Config {
  return { ...config, DATABASE_URL: secureDatabaseUrl(config.DATABASE_URL, config.DATABASE_CA_FILE) };
}

/** In PEM. */
export interface KafkaTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** What the brokers are met with: TLS as soon as one of the files is named, with a client certificate where there is one. */
export function kafkaTls(config: {
  readonly KAFKA_CA_FILE?: string | undefined;
  readonly KAFKA_CERT_FILE?: string | undefined;
  readonly KAFKA_KEY_FILE?: string | undefined;
}): KafkaTls | undefined {
  const { KAFKA_CA_FILE: ca, KAFKA_CERT_FILE: cert, KAFKA_KEY_FILE: key } = config;
  if ((cert === undefined) !== (key === undefined))
    throw new Error('KAFKA_CERT_FILE and KAFKA_KEY_FILE are one pair: set both or neither.');
  if (ca === undefined && cert === undefined) return undefined;
  return {
    ...(ca !== undefined && { ca: readFileSync(ca, 'utf8') }),
    ...(cert !== undefined && { cert: readFileSync(cert, 'utf8') }),
    ...(key !== undefined && { key: readFileSync(key, 'utf8') }),
  };
}

/** The files that a configuration names: every variable whose name ends in _FILE. */
export function filesOf(config: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(config).flatMap(([name, value]) =>
    name.endsWith('_FILE') && typeof value === 'string' ? [value] : [],
  );
}

export interface WatchTimes {
  /** Between two looks. By content and by clock: a mounted secret changes by a swap of symbolic links, which no event tells. */
  readonly intervalMs: number;
  /** Replicas see a new secret at the same moment and must not all leave at once, so each waits up to this long. */
  readonly spreadMs: number;
}

export const watchTimes: WatchTimes = { intervalMs: 10_000, spreadMs: 30_000 };

/** Resolves to true when the content of a file changed, and to false when the signal is aborted before. */
export async function untilChanged(
  files: readonly string[],
  signal: AbortSignal,
  { intervalMs, spreadMs }: WatchTimes = watchTimes,
): Promise<boolean> {
  if (files.length === 0) return false;
  const first = files.map(contentOf);
  while (!signal.aborted) {
    await sleep(intervalMs, signal);
    // A file that cannot be read now is being replaced, or a leaving pod's.
    const changed = files.some((file, index) => {
      const content = contentOf(file);
      return content !== undefined && content !== first[index];
    });
    if (!changed) continue;
    await sleep(Math.random() * spreadMs, signal);
    return !signal.aborted;
  }
  return false;
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
