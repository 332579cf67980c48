import { downloadAll } from '../infrastructure/downloads.ts';
import { INFRASTRUCTURE_URL_VARIABLE } from './address.ts';
import { InfrastructureKeeper } from './keeper.ts';

declare global {
  /** Jest loads set-up and teardown apart from each other: what they share has to be global. */
  var infrastructureKeeper: InfrastructureKeeper | undefined;
}

/** Before all tests. TEST_INFRASTRUCTURE=off leaves Kafka, PostgreSQL and the registry out altogether. */
// eslint-disable-next-line no-restricted-syntax -- Jest looks for a default export.
export default async function setUp(): Promise<void> {
  if (process.env['TEST_INFRASTRUCTURE'] === 'off') return;
  const say = (message: string): boolean => process.stderr.write(`${message}\n`);
  // Downloads have no place within a test's time-out.
  await downloadAll(say);
  const keeper = await InfrastructureKeeper.begin(say);
  globalThis.infrastructureKeeper = keeper;
  process.env[INFRASTRUCTURE_URL_VARIABLE] = keeper.url;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      void keeper.end().finally(() => process.exit(1));
    });
  }
}
