import base from '../jest.config.mjs';

// The model tests for as long as MODELS_SECONDS says: in npm test they have seconds, here minutes.
export default {
  ...base,
  rootDir: '..',
  testMatch: ['<rootDir>/prove/test/models/*.test.ts', '<rootDir>/services/payments/src/domain/settle.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/.platform/'],
};
