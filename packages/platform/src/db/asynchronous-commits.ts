/**
 * The same database, for sessions whose commits a crash of the server may take back: they wait for no disk and no standby.
 * https://www.postgresql.org/docs/current/wal-async-commit.html
 */
export function withAsynchronousCommits(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  const given = url.searchParams.get('options') ?? '';
  url.searchParams.set('options', `${given} -c synchronous_commit=off`.trim());
  return url.toString();
}
