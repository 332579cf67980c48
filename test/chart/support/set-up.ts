import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyWithStubs } from '@order-payments/local/chart/copy.ts';
import {
  cloudnativePgDefinitions,
  kubernetesOpenApi,
  strimziDefinitions,
} from '@order-payments/local/chart/definitions.ts';
import { installTool, toolNames } from '@order-payments/local/chart/tools.ts';
import { chart, schemas, workDirectory } from './places.ts';
import { customSchemas, kubernetesSchemas } from './schemas.ts';

/** Before all tests of the chart: the tools, a copy of the chart, and the schemas of everything that it may make. */
// eslint-disable-next-line no-restricted-syntax -- Jest looks for a default export.
export default async function setUp(): Promise<void> {
  const say = (message: string): boolean => process.stderr.write(`${message}\n`);
  for (const tool of toolNames) await installTool(tool, say);
  await copyWithStubs(chart);
  await rm(schemas, { recursive: true, force: true });
  await mkdir(schemas, { recursive: true });
  const definitions = [
    ...(await strimziDefinitions(join(workDirectory, 'strimzi'), say)),
    ...(await cloudnativePgDefinitions(say)),
  ];
  const all = [kubernetesSchemas(await kubernetesOpenApi(say)), ...definitions.map(customSchemas)];
  for (const files of all) for (const [name, text] of files) await writeFile(join(schemas, name), text);
}
