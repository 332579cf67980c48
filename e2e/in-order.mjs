import { createRequire } from 'node:module';

// Jest's sequencer is CommonJS inside Jest itself: not a dependency of ours, but always beside it.
const require = createRequire(createRequire(import.meta.url).resolve('jest/package.json'));
const { default: Sequencer } = createRequire(require.resolve('@jest/core'))('@jest/test-sequencer');

/** By the number that each suite's name begins with. */
export default class InOrder extends Sequencer {
  sort(tests) {
    return [...tests].sort((one, other) => one.path.localeCompare(other.path));
  }
}
