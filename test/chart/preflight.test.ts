import { describe, expect, test } from '@jest/globals';
import { helms, render } from './support/helm.ts';

// The aggregation API is what every real API server has, and `helm template` does not.
const realCluster = ['--api-versions', 'apiregistration.k8s.io/v1'];
const strimzi = ['--api-versions', 'kafka.strimzi.io/v1/Kafka'];
const cloudnativePg = ['--api-versions', 'postgresql.cnpg.io/v1/Cluster'];

const broughtKafka = { install: false, bootstrapServers: 'broker:9093' };

describe.each(helms)('before anything is made, with %s', (helm) => {
  test.each([
    ['Strimzi', cloudnativePg, 'This cluster has no Strimzi operator'],
    ['CloudNativePG', strimzi, 'This cluster has no CloudNativePG operator'],
  ])('a cluster without %s is told so, and what to do', async (_what, there, sentence) => {
    const refused = render({ helm, args: [...realCluster, ...there] });
    await expect(refused).rejects.toThrow(sentence);
    await expect(refused).rejects.toThrow('--set tags.operators=true');
  });

  test('a cluster with both operators is fine, and one whose operators this release brings', async () => {
    await render({ helm, args: [...realCluster, ...strimzi, ...cloudnativePg] });
    await render({ helm, args: [...realCluster, '--set', 'tags.operators=true'] });
    await render({ helm, args: [...realCluster, ...cloudnativePg, '--set', 'strimzi-kafka-operator.enabled=true'] });
  });

  test('a cluster without operators is fine for one who brings everything', async () => {
    await render({ helm, size: 'bring-your-own', args: realCluster });
  });

  test.each([
    [{ kafka: { install: false } }, 'global.kafka.bootstrapServers must name your Kafka'],
    [{ registry: { install: false } }, 'global.registry.url must name your schema registry'],
    [
      { registry: { install: false, url: 'https://r.example' } },
      "nothing needs the registry's database: set global.databases.registry.install to false",
    ],
    [
      { databases: { orders: { install: false, secrets: { owner: 'a', service: 'b', ops: 'c' } } } },
      'global.databases.orders.secrets.relay must name a secret of yours',
    ],
    [{ databases: { registry: { install: false } } }, 'global.databases.registry.secrets.owner must name a secret'],
    [{ databases: { orders: { secrets: { owner: 'mine' } } } }, 'leave global.databases.orders.secrets.owner empty'],
  ])('%j is answered with a sentence', async (global, sentence) => {
    await expect(render({ helm, values: JSON.stringify({ global }) })).rejects.toThrow(sentence);
  });

  test('a release name that Kafka would make too long a name of is refused', async () => {
    await render({ helm, release: 'a'.repeat(26), values: JSON.stringify({ global: { kafka: broughtKafka } }) });
    await expect(render({ helm, release: 'a'.repeat(27) })).rejects.toThrow('it can have at most 26');
  });
});
