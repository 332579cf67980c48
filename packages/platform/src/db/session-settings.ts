/**
 * The same database, for sessions with these settings beside those that the URL has, whose own word is the last: names and values
 * are PostgreSQL's. https://www.postgresql.org/docs/current/runtime-config.html
 */
export function withSessionSettings(databaseUrl: string, settings: Readonly<Record<string, string>>): string {
  const url = new URL(databaseUrl);
  const own = url.searchParams.get('options') ?? '';
  const added = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  url.searchParams.set('options', [...added, own].join(' ').trim());
  return url.toString();
}

/** For commits that a crash of the server may take back: they wait for no disk and no standby. */
export const asynchronousCommits = { synchronous_commit: 'off' } as const;
