import { chain } from './experiments/chain.ts';
import { cost } from './experiments/cost.ts';
import { http } from './experiments/http.ts';
import { latency } from './experiments/latency.ts';
import { memory } from './experiments/memory.ts';
import { overload } from './experiments/overload.ts';
import { jobQueues, otherRelays } from './experiments/peers.ts';
import { relay } from './experiments/relay.ts';
import { settle, settleHot } from './experiments/settle.ts';
import type { Experiment } from './measure.ts';

/** In the order in which they run. */
export const experiments: readonly Experiment[] = [
  chain,
  http,
  settle,
  settleHot,
  relay,
  latency,
  overload,
  cost,
  memory,
  jobQueues,
  otherRelays,
];
