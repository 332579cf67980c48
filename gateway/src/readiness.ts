import type { ServiceClient } from './clients/service-client.ts';

// Probes give up after a second by default; several probes a second must not cost a look each.
const reachableWithinMs = 500;
const freshMs = 1_000;

/** Ready: not stopping, and every service can be reached. The answer is kept for a second. */
export function createReadiness(services: readonly ServiceClient[], stopping: AbortSignal): () => Promise<boolean> {
  let looked: { atMs: number; ready: Promise<boolean> } | undefined;
  return async () => {
    if (stopping.aborted) return false;
    const nowMs = performance.now();
    if (looked === undefined || nowMs - looked.atMs > freshMs) {
      const reachable = services.map(async (service) => service.isReachable(reachableWithinMs));
      looked = { atMs: nowMs, ready: Promise.all(reachable).then((answers) => answers.every(Boolean)) };
    }
    return looked.ready;
  };
}
