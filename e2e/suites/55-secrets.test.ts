import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, kubectl, read, release } from '../support/commands.ts';
import { expectAllRight, expectReconciled } from '../support/judge.ts';
import { startLoad } from '../support/load.ts';
import { ensureInstalled, everyPodReady, isReady, podsOf, type Pod } from '../support/release.ts';

/** A kubelet may take 75 s to renew a mounted secret, a process looks every 10 s, and replicas spread over 30 s. */
const restartedLimitMs = 240_000;

interface Secret {
  readonly data: Readonly<Record<string, string>>;
}

const restarts = (pod: Pod): number => pod.status.containerStatuses?.[0]?.restartCount ?? 0;

describe('a secret that is rotated while orders come in', () => {
  beforeAll(async () => {
    await ensureInstalled();
    await everyPodReady(180_000);
  });

  const readSecret = async (name: string): Promise<Secret['data']> =>
    (await read<Secret>(['get', 'secret', `${release}-${name}`])).data;

  /** A new password for the role that the secret is of; CloudNativePG sets it in the database. */
  const changePassword = async (name: string): Promise<void> => {
    const { uri = '' } = await readSecret(name);
    const url = new URL(Buffer.from(uri, 'base64').toString());
    url.password = randomBytes(24).toString('hex');
    const patch = { stringData: { password: url.password, uri: url.toString() } };
    await kubectl(['patch', 'secret', `${release}-${name}`, '--patch', JSON.stringify(patch)]);
  };

  /** The operator of Kafka makes a user's certificate anew where its secret is gone. */
  const renewCertificate = async (name: string): Promise<void> => {
    const before = await readSecret(name);
    await kubectl(['delete', 'secret', `${release}-${name}`]);
    await eventually(restartedLimitMs, async () => {
      const now = await readSecret(name);
      if (now['user.crt'] === before['user.crt']) throw new Error('The certificate is the old one.');
    });
  };

  test('makes the processes that have it end in order, start again with the new one, and lose no order', async () => {
    const parts = ['orders', 'payments'];
    const before = (await Promise.all(parts.map(podsOf))).flat();
    const load = await startLoad();
    await changePassword('orders-db-service');
    await renewCertificate('payments');
    // The kubelet looks after a pod's volumes every minute or so, and at once when the pod changes.
    for (const { metadata } of before) await kubectl(['annotate', 'pod', metadata.name, 'e2e/secrets=renewed', '--overwrite']); // prettier-ignore
    await eventually(restartedLimitMs, async () => {
      for (const old of before) {
        const pod = await read<Pod>(['get', 'pod', old.metadata.name]);
        if (restarts(pod) <= restarts(old) || !isReady(pod)) throw new Error(`${old.metadata.name} is not back.`);
      }
    });
    for (const old of before) {
      const pod = await read<Pod>(['get', 'pod', old.metadata.name]);
      expect(pod.status.containerStatuses?.[0]?.lastState?.terminated?.exitCode).toBe(0);
      expect(restarts(pod)).toBe(restarts(old) + 1);
    }
    await load.untilAnswered(200, 60_000);
    await expectAllRight(await load.stop(), 'failures while away');
    await expectReconciled();
  });
});
