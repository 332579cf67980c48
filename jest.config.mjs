import { availableParallelism } from 'node:os';

export default {
  testMatch: ['**/*.test.ts'],
  // Those have commands of their own: npm run test:faults, test:chart and test:e2e.
  testPathIgnorePatterns: [
    '/node_modules/',
    '/.platform/',
    '/local/test/(crash-.*|outages|reliability-.*)\\.test\\.ts$',
    '/test/chart/',
    '/e2e/',
  ],
  modulePathIgnorePatterns: ['/.platform/'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'mjs', 'js', 'json', 'node'],
  transform: { '\\.ts$': '<rootDir>/local/strip-types.mjs' },
  globalSetup: '<rootDir>/local/src/test-kit/global-setup.ts',
  globalTeardown: '<rootDir>/local/src/test-kit/global-teardown.ts',
  // The first test that needs Kafka waits for it to start, and a machine may be slow.
  testTimeout: 120_000,
  // Jest leaves one core free, which on two cores is one worker; the suites wait more than they compute.
  maxWorkers: Math.max(2, availableParallelism() - 1),
};
