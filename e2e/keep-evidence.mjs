import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const namespace = process.env.E2E_NAMESPACE || 'order-payments-e2e';
const timeout = 20_000;

/** When a suite fails: what the namespace looks like, its events and all its logs, under .platform/e2e/<suite>. */
export default class KeepEvidence {
  constructor(globalConfig) {
    this.directory = join(globalConfig.rootDir, '.platform', 'e2e');
  }

  onTestResult(test, result) {
    if (result.numFailingTests === 0 && result.testExecError === undefined) return;
    const directory = join(this.directory, basename(test.path, '.test.ts'));
    mkdirSync(directory, { recursive: true });
    const keep = (file, ...args) => writeFileSync(join(directory, file), ask(...args));
    keep('resources.txt', 'get', 'all,pvc,networkpolicy,pdb,ingress', '-o', 'wide');
    keep('strimzi-and-cloudnativepg.yaml', 'get', 'kafka,kafkanodepool,kafkatopic,kafkauser,cluster', '-o', 'yaml');
    keep('events.txt', 'get', 'events', '--sort-by', '.lastTimestamp');
    keep('pods.txt', 'describe', 'pods');
    for (const pod of ask('get', 'pods', '-o', 'name').split('\n').filter(Boolean)) {
      const name = pod.replace('pod/', '');
      keep(`${name}.log`, 'logs', name, '--all-containers', '--prefix');
      const previous = ask('logs', name, '--all-containers', '--prefix', '--previous');
      if (!previous.startsWith('Error')) writeFileSync(join(directory, `${name}.previous.log`), previous);
    }
    for (const { name, why, log } of unready(directory))
      process.stderr.write(`\n${name} is not Ready: ${why}\n${log}\n`);
    process.stderr.write(`Logs and events of the namespace are in ${directory}\n`);
  }
}

/** Why each pod that should be Ready is not, as the kubelet says, and the end of its last log. */
function unready(directory) {
  const { items = [] } = JSON.parse(ask('get', 'pods', '-o', 'json').replace(/^Error:.*/s, '{}'));
  return items
    .filter(({ status }) => status.phase !== 'Succeeded')
    .filter(({ status }) => !status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'))
    .map(({ metadata: { name }, status }) => {
      const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
      const states = containers
        .filter(({ ready }) => !ready)
        .map(({ name: container, state }) => ({ container, ...state }));
      const logs = ['previous.log', 'log'].map((kind) => join(directory, `${name}.${kind}`)).filter(existsSync);
      const log = logs.length === 0 ? '' : readFileSync(logs[0], 'utf8').trim().split('\n').slice(-15).join('\n');
      return { name, why: JSON.stringify(states.length === 0 ? status.conditions : states), log };
    });
}

function ask(...args) {
  try {
    return execFileSync('kubectl', ['-n', namespace, ...args], {
      encoding: 'utf8',
      timeout,
      maxBuffer: 256 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    return `Error: ${error.message}\n${error.stdout ?? ''}`;
  }
}
