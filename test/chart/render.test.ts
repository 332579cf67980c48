import { describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { run } from '@order-payments/local/chart/run.ts';
import { helms, kubeVersion, parseObjects, render, tool } from './support/helm.ts';
import { chart, schemas, sizeFile, sizes } from './support/places.ts';

// Passwords are made anew at each rendering.
const withoutPasswords = (text: string): string => text.replaceAll(/[A-Za-z0-9]{32}(?=@|$)/gm, 'password');

/** Objects each size makes. A number that changes by accident is an object lost or made twice. */
const counts = { minimal: 57, 'bring-your-own': 30, 'high-availability': 61 };

/** What kube-score is told to leave out, and why. */
const waivers = [
  // A limit would throttle bursts that the node has room for; requests keep the shares.
  '--ignore-container-cpu-limit',
  // Tags are never given to another image, and a node that has the image need not ask the registry.
  '--ignore-test=container-image-pull-policy',
  // User 1000 is the images' own, has no rights on any node, and the restricted level asks only for one that is not root.
  '--ignore-test=container-security-context-user-group-id',
];

describe.each(sizes)('the chart in size %s', (size) => {
  test.each(helms)('passes %s lint --strict', async (helm) => {
    const answer = await run(await tool(helm), ['lint', '--strict', chart, '-f', sizeFile(size)]);
    expect(answer).toContain('1 chart(s) linted, 0 chart(s) failed');
  });

  test('is the same with Helm 3 and Helm 4', async () => {
    const [four, three] = await Promise.all(helms.map(async (helm) => await render({ helm, size })));
    expect(parseObjects(withoutPasswords(four ?? ''))).toEqual(parseObjects(withoutPasswords(three ?? '')));
  });

  test('makes as many objects as it should, each once', async () => {
    const objects = parseObjects(await render({ size }));
    expect(objects).toHaveLength(counts[size]);
    const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(helms)('is valid by the schemas of Kubernetes, Strimzi and CloudNativePG (%s)', async (helm) => {
    const location = join(schemas, '{{ .ResourceKind }}{{ .KindSuffix }}.json');
    const args = ['-strict', '-summary', '-output', 'json', '-schema-location', location];
    const answer = await run(await tool('kubeconform'), args, { input: await render({ helm, size }) });
    const { summary } = JSON.parse(answer) as { summary: Record<string, number> };
    expect(summary).toEqual({ valid: counts[size], invalid: 0, errors: 0, skipped: 0 });
  });

  test('has nothing that kube-score calls critical', async () => {
    const args = [
      'score',
      '--kubernetes-version',
      `v${kubeVersion.split('.').slice(0, 2).join('.')}`,
      '-o',
      'ci',
      ...waivers,
      '-',
    ];
    const answer = await run(await tool('kube-score'), args, { input: await render({ size }) });
    expect(answer.split('\n').filter((line) => line.startsWith('[CRITICAL]'))).toEqual([]);
    expect(answer.split('\n').filter((line) => line.startsWith('[OK]')).length).toBeGreaterThan(100);
  });
});

test('a mistake in an object of an operator is found by its schema', async () => {
  const location = join(schemas, '{{ .ResourceKind }}{{ .KindSuffix }}.json');
  const values = JSON.stringify({ 'orders-db': { bootstrap: { initdb: { database: 'orders', ownr: 'orders' } } } });
  const input = await render({ size: 'minimal', values });
  const checking = run(await tool('kubeconform'), ['-strict', '-schema-location', location], { input });
  await expect(checking).rejects.toThrow("additional properties 'ownr' not allowed");
});
