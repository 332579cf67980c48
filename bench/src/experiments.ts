import { chain } from './experiments/chain.ts';
import { cost } from './experiments/cost.ts';
import { http } from './experiments/http.ts';
import { latency } from './experiments/latency.ts';
import { memory } from './experiments/memory.ts';
import { overload } from './experiments/overload.ts';
import { jobQueues, onePeer, otherRelays } from './experiments/peers.ts';
import { relay } from './experiments/relay.ts';
import { replicas } from './experiments/replicas.ts';
import { settle, settleHot } from './experiments/settle.ts';
import type { Experiment } from './measure.ts';

/** In the order in which they run. */
export const experiments: readonly Experiment[] = [
  chain,
  http,
  settle,
  settleHot,
  replicas,
  relay,
  latency,
  overload,
  cost,
  memory,
  jobQueues,
  otherRelays,
];

/** By the experiment's name or a goal's, or one peer by its own. */
export function experimentsNamed(wanted: readonly string[]): Experiment[] {
  const isWanted = ({ name, goals }: Experiment): boolean =>
    [name, ...goals.map(({ id }) => id)].some((each) => wanted.includes(each));
  return [...experiments.filter(isWanted), ...onePeer.filter(({ name }) => wanted.includes(name))];
}
