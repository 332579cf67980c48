import { beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, kubectl } from '../support/commands.ts';
import { startLoad } from '../support/guest.ts';
import { ensureInstalled, everyPodReady, installOrUpgrade, podsOf, type Pod } from '../support/release.ts';

// Clients open their connections anew every five minutes, give or take a tenth, and find new pods then.
const spreadLimitMs = 360_000;

const counted = { gateway: 'http_requests_total', orders: 'grpc_server_duration_seconds_count', payments: 'grpc_server_duration_seconds_count' }; // prettier-ignore
type Part = keyof typeof counted;
const parts = Object.keys(counted) as Part[];

/** How many calls the pod has answered so far, by its own metrics. */
async function calls({ metadata }: Pod, metric: string): Promise<number> {
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
    for (const part of parts) {
      const three = await podsOf(part);
      expect(three).toHaveLength(3);
      const atFirst = new Map(await Promise.all(three.map(async (pod) => [pod, await calls(pod, counted[part])] as const))); // prettier-ignore
      await eventually(spreadLimitMs, async () => {
        for (const [pod, count] of atFirst)
          if ((await calls(pod, counted[part])) < count + 10) throw new Error(`${pod.metadata.name} has no work.`);
        await sleep(1_000);
      });
    }
    await installOrUpgrade(parts.map((part) => `${part}.replicas=${before.get(part)}`));
    for (const part of parts)
      await eventually(60_000, async () => {
        if ((await podsOf(part)).length !== before.get(part)) throw new Error(`${part} is not back.`);
      });
    await sleep(3_000);
    const report = await load.stop();
    expect(report.failures).toEqual({});
    expect(report).toMatchObject({ unresolved: 0, unsettled: 0, wrongBalances: [] });
    expect(report.distinct).toBe(report.sent);
  });
});
