// npm run chart:dependencies: fetches the operators' charts, so that the chart can be installed from this folder.
// npm run chart:dependencies -- --stubs [FOLDER]: a copy of the chart that needs none of them, for machines that reach no chart
// registry.
import { join } from 'node:path';
import { copyWithStubs } from './chart/copy.ts';
import { fetchDependencies } from './chart/fetch.ts';
import { parseCommandLine } from './command-line.ts';
import { platformDirectory, repositoryRoot } from './directories.ts';

const say = (message: string): boolean => process.stderr.write(`${message}\n`);
const { values, positionals } = parseCommandLine(
  `npm run chart:dependencies [-- options]
  --stubs [FOLDER]  a copy of the chart with empty charts in the place of the operators'
  --helm PROGRAM    the helm to fetch with (helm)`,
  { stubs: { type: 'boolean' }, helm: { type: 'string', default: 'helm' } },
  { allowPositionals: true },
);

try {
  if (values.stubs === true) {
    const directory = positionals[0] ?? join(platformDirectory, 'chart', 'order-payments');
    await copyWithStubs(directory);
    say(`The chart, with empty charts in the place of the operators', is in ${directory}`);
  } else {
    await fetchDependencies(repositoryRoot, { helm: values.helm, say });
  }
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
