import { parentPort, workerData } from 'node:worker_threads';
import { load } from './load.ts';
import type { LoadOrder } from './load.ts';

// A thread of its own, so that neither the good client nor the other half of the load waits for it.
parentPort?.postMessage(await load(workerData as LoadOrder));
