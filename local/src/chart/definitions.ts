import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findJava } from '../infrastructure/java.ts';
import { fromMaven } from '../infrastructure/downloads.ts';
import type { Say } from '../infrastructure/progress.ts';
import { runTied } from '../process/spawn-tied.ts';
import { downloadGoModule } from './tools.ts';

/** Strimzi's classes of the resources that the chart makes. */
const strimziClasses = {
  kafka: 'kafka.Kafka',
  kafkanodepool: 'nodepool.KafkaNodePool',
  kafkatopic: 'topic.KafkaTopic',
  kafkauser: 'user.KafkaUser',
};

/** Strimzi's definitions (YAML), made by its own generator, which Maven Central has. */
export async function strimziDefinitions(directory: string, say: Say): Promise<string[]> {
  const home = await fromMaven('strimzi', say, (temporary) => [
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${join(temporary, 'libs')}`,
  ]);
  await mkdir(directory, { recursive: true });
  const outputs = Object.entries(strimziClasses).map(
    ([name, kind]) => `io.strimzi.api.kafka.model.${kind}=${join(directory, name)}.yaml`,
  );
  const versions = [
    '--target-kube',
    '1.25+',
    '--crd-api-version',
    'v1',
    '--api-versions',
    'v1',
    '--storage-version',
    'v1',
  ];
  const generator = ['-cp', join(home, 'libs', '*'), 'io.strimzi.crdgenerator.CrdGenerator', ...versions, '--yaml'];
  await runTied({ file: await findJava(say), args: [...generator, ...outputs] });
  return await readAll(directory);
}

/** CloudNativePG's definitions (YAML), as its operator's sources have them. */
export async function cloudnativePgDefinitions(say: Say): Promise<string[]> {
  const module = await downloadGoModule('github.com/cloudnative-pg/cloudnative-pg@v1.30.0', say);
  return await readAll(join(module, 'config', 'crd', 'bases'));
}

/** The OpenAPI document (JSON) of Kubernetes' own API. */
export async function kubernetesOpenApi(say: Say): Promise<string> {
  const module = await downloadGoModule('k8s.io/kubernetes@v1.35.4', say);
  return await readFile(join(module, 'api', 'openapi-spec', 'swagger.json'), 'utf8');
}

async function readAll(directory: string): Promise<string[]> {
  const files = (await readdir(directory)).filter((file) => file.endsWith('.yaml'));
  return await Promise.all(files.map(async (file) => await readFile(join(directory, file), 'utf8')));
}
