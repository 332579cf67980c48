// npm run test:e2e: the chart on the cluster that KUBECONFIG names. Suites share one release, so they run one by one, in order.
export default {
  rootDir: '..',
  testMatch: ['<rootDir>/e2e/suites/*.test.ts'],
  modulePathIgnorePatterns: ['/.platform/'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'mjs', 'js', 'json', 'node'],
  transform: { '\\.ts$': '<rootDir>/local/strip-types.mjs' },
  testSequencer: '<rootDir>/e2e/in-order.mjs',
  reporters: ['default', '<rootDir>/e2e/keep-evidence.mjs'],
  maxWorkers: 1,
  verbose: true,
  // Each step has a limit of its own (support/commands.ts); this only ends what none of them ended.
  testTimeout: 900_000,
};
