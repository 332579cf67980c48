import { AppError } from '@order-payments/kernel/errors.ts';
import type { ServiceClient } from './clients/service-client.ts';

// Probes give up after a second by default; several probes a second must not cost a look each.
const reachableWithinMs = 500;
const freshMs = 1_000;

/**
 * Ready: not stopping, and at least one service can be reached. Orders can be taken while Payments is away, and balances
 * read while Orders is; an unready gateway would refuse both, and every replica of it at once. The answer is kept for a second.
 */
export function createReadiness(services: readonly ServiceClient[], stopping: AbortSignal): () => Promise<boolean> {
  let looked: { atMs: number; ready: Promise<boolean> } | undefined;
  return async () => {
    if (stopping.aborted) return false;
    const nowMs = performance.now();
    if (looked === undefined || nowMs - looked.atMs > freshMs)
      looked = { atMs: nowMs, ready: isAnyReachable(services) };
    return looked.ready;
  };
}

/** As soon as the first one answers: a probe need not wait for the one that is away. */
async function isAnyReachable(services: readonly ServiceClient[]): Promise<boolean> {
  const reached = services.map(async (service) => {
    if (!(await service.isReachable(reachableWithinMs))) throw new AppError('UNAVAILABLE', 'out of reach');
  });
  return Promise.any(reached).then(
    () => true,
    () => false,
  );
}
