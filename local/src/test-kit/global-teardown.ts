import './global-setup.ts';

/** After all tests: ends what set-up may have started. */
// eslint-disable-next-line no-restricted-syntax -- Jest looks for a default export.
export default async function tearDown(): Promise<void> {
  await globalThis.infrastructureKeeper?.end();
}
