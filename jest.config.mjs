export default {
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/.platform/', '/e2e/'],
  modulePathIgnorePatterns: ['/.platform/'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'mjs', 'js', 'json', 'node'],
  transform: { '\\.ts$': '<rootDir>/local/strip-types.mjs' },
  globalSetup: '<rootDir>/local/src/test-kit/global-setup.ts',
  globalTeardown: '<rootDir>/local/src/test-kit/global-teardown.ts',
  testTimeout: 30_000,
};
