import base from '../jest.config.mjs';

// The suites that kill, cut and flood the whole platform take minutes, so they are a command of their own.
export default {
  ...base,
  rootDir: '..',
  testMatch: ['<rootDir>/local/test/{crash-*,outages,reliability-*}.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/.platform/'],
  // Each starts a whole platform of its own.
  maxWorkers: 2,
};
