// Runs inside the cluster, as a pod of its own: the clients of the tests in local/ order and top up until /tmp/stop appears, for
// twenty minutes at most; then all that they asked for and were told is in /tmp/history.json. It stands on Node alone.
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Shoppers } from '../../local/test/shoppers.ts';

/** Nobody may come to stop it: a suite that failed does not. */
const limitMs = 1_200_000;
/** A pod that another node or a slow disk holds up: longer than the tests on one machine wait for an answer. */
const patienceMs = 180_000;
/** A connection stays with one pod of the gateway, so each is used this often and then opened anew, as by many clients. */
const callsPerConnection = 20;

const fetchOfNode = globalThis.fetch;
let calls = 0;
globalThis.fetch = async (input, init = {}) => {
  const isLast = ++calls % callsPerConnection === 0;
  return await fetchOfNode(input, isLast ? { ...init, headers: { ...init.headers, connection: 'close' } } : init);
};

/** A reader finds the whole file or none. */
function write(name: string, content: string): void {
  writeFileSync(`/tmp/${name}.part`, content);
  renameSync(`/tmp/${name}.part`, `/tmp/${name}`);
}

const shoppers = await Shoppers.open(process.env.BASE_URL ?? '', patienceMs);
const { history } = shoppers.client;
shoppers.begin();
const endMs = Date.now() + limitMs;
while (!existsSync('/tmp/stop') && Date.now() < endMs) {
  await sleep(200);
  write('answered', String(history.filter(({ answers }) => answers.at(-1)?.status === 201).length));
}
await shoppers.rest();
write('history.json', JSON.stringify(history));
// The suite fetches it, and then deletes the pod.
setInterval(() => undefined, 60_000);
