export default {
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/.platform/', '/e2e/', '/test/chart/'],
  modulePathIgnorePatterns: ['/.platform/'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'mjs', 'js', 'json', 'node'],
  transform: { '\\.ts$': '<rootDir>/local/strip-types.mjs' },
  globalSetup: '<rootDir>/local/src/test-kit/global-setup.ts',
  globalTeardown: '<rootDir>/local/src/test-kit/global-teardown.ts',
  // The first test that needs Kafka waits for it to start.
  testTimeout: 60_000,
};
