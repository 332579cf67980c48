// The chart's tests are their own: they need Go and Maven, and neither Kafka nor PostgreSQL.
export default {
  rootDir: '../..',
  testMatch: ['<rootDir>/test/chart/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'mjs', 'js', 'json', 'node'],
  transform: { '\\.ts$': '<rootDir>/local/strip-types.mjs' },
  globalSetup: '<rootDir>/test/chart/support/set-up.ts',
  testTimeout: 60_000,
};
