import { beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, kubectl } from '../support/commands.ts';
import { expectAllRight } from '../support/judge.ts';
import { startLoad } from '../support/load.ts';
import { connectionAgeMs, ensureInstalled, everyPodReady, installOrUpgrade, podsOf, type Pod } from '../support/release.ts'; // prettier-ignore

// Clients open their connections anew at that age, give or take a tenth, and find new pods then.
const spreadLimitMs = 3 * connectionAgeMs + 60_000;

// How the samples of a client's work begin: the kubelet's probes are requests to the gateway, too. Orders reach payments by Kafka.
const counted = {
  gateway: 'http_requests_total{method="POST",route="/orders",',
  orders: 'grpc_server_duration_seconds_count',
  payments: 'payments_settled_total',
};
type Part = keyof typeof counted;
const parts = Object.keys(counted) as Part[];

/** How much the pod has done so far, by its own metrics. */
async function workDone({ metadata }: Pod, metric: string): Promise<number> {
  const script = "fetch('http://127.0.0.1:9100/metrics').then((r) => r.text()).then((t) => console.log(t))";
  const text = await kubectl(['exec', metadata.name, '--', 'node', '-e', script]);
  const samples = text.split('\n').filter((line) => line.startsWith(metric));
  return samples.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

describe('scaling', () => {
  beforeAll(async () => {
    await ensureInstalled();
    await everyPodReady(180_000);
  });

  test('to three replicas spreads the load over all of them, and back fails no request', async () => {
    const before = new Map<Part, number>();
    for (const part of parts) before.set(part, (await podsOf(part)).length);
    const load = await startLoad();
    await installOrUpgrade(parts.map((part) => `${part}.replicas=3`));
    const atFirst: Array<{ pod: Pod; metric: string; done: number }> = [];
    for (const part of parts) {
      const three = await podsOf(part);
      expect(three).toHaveLength(3);
      const metric = counted[part];
      for (const pod of three) atFirst.push({ pod, metric, done: await workDone(pod, metric) });
    }
    await eventually(spreadLimitMs, async () => {
      for (const { pod, metric, done } of atFirst)
        if ((await workDone(pod, metric)) < done + 10) throw new Error(`${pod.metadata.name} has no work.`);
    });
    await installOrUpgrade(parts.map((part) => `${part}.replicas=${before.get(part)}`));
    for (const part of parts)
      await eventually(60_000, async () => {
        if ((await podsOf(part)).length !== before.get(part)) throw new Error(`${part} is not back.`);
      });
    await load.untilAnswered(200, 60_000);
    await expectAllRight(await load.stop(), 'no failure');
  });
});
