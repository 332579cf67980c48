import { describe, expect, test } from '@jest/globals';
import { find, renderObjects } from './support/helm.ts';
import { sizes } from './support/places.ts';
import { podsOf, violations, type PodSpec, type SecurityContext } from './support/pod-security.ts';

describe.each(sizes)('in size %s', (size) => {
  test('every pod meets the Pod Security level "restricted"', async () => {
    const pods = podsOf(await renderObjects({ size }));
    expect(pods.length).toBeGreaterThanOrEqual(6);
    expect(pods.flatMap(({ name, spec }) => violations(spec).map((violation) => `${name}: ${violation}`))).toEqual([]);
  });

  test('every container has a root file system that it cannot write to, and no pod a token', async () => {
    for (const { spec } of podsOf(await renderObjects({ size }))) {
      expect(spec.automountServiceAccountToken).toBe(false);
      for (const container of [...spec.containers, ...(spec.initContainers ?? [])])
        expect(container.securityContext?.readOnlyRootFilesystem).toBe(true);
    }
  });
});

test("Kafka's pods, which Strimzi makes, are told to meet it too", async () => {
  const kafka = find<{ kafka: { template: Templates }; entityOperator: { template: Templates } }>(
    await renderObjects({ size: 'high-availability' }),
    'Kafka',
    'shop',
  );
  for (const { pod, ...containers } of [kafka.spec.kafka.template, kafka.spec.entityOperator.template]) {
    const spec = {
      ...pod,
      containers: Object.entries(containers).map(([name, container]) => ({ name, ...container })),
    };
    expect(spec.containers.length).toBeGreaterThan(0);
    expect(violations(spec)).toEqual([]);
  }
});

interface Templates {
  readonly pod: Omit<PodSpec, 'containers'>;
  readonly kafkaContainer?: { readonly securityContext: SecurityContext };
  readonly topicOperatorContainer?: { readonly securityContext: SecurityContext };
  readonly userOperatorContainer?: { readonly securityContext: SecurityContext };
}

describe('the check itself', () => {
  test.each([
    ['privilege escalation', { allowPrivilegeEscalation: true }],
    ['capabilities', { capabilities: { drop: [] } }],
    ['privileged', { privileged: true }],
  ])('finds %s', (_what, change) => {
    const good = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
    const pod = { securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } };
    expect(violations({ ...pod, containers: [{ name: 'one', securityContext: good }] })).toEqual([]);
    expect(violations({ ...pod, containers: [{ name: 'one', securityContext: { ...good, ...change } }] })).toHaveLength(
      1,
    );
  });
});
