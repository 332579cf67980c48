import { reconcile, type Operated } from '@order-payments/local/test-kit/run-ops.ts';
import { peakResidentMb } from '../processes.ts';

const LOOK_MS = 50;

export interface Reconciled {
  /** What it said, where it found violations or could not run. */
  readonly wrong: string | undefined;
  /** The most memory that its process held, in MB of 10^6 bytes. */
  readonly peakMb: number;
  readonly seconds: number;
}

/** `ops reconcile` of databases at rest, and what its process needs for it. */
export async function weighReconcile(services: Operated): Promise<Reconciled> {
  const startedMs = performance.now();
  let peakMb = 0;
  let looks: NodeJS.Timeout | undefined;
  const watch = (pid = 0): void => {
    looks = setInterval(() => (peakMb = Math.max(peakMb, peakResidentMb(pid))), LOOK_MS);
  };
  const { code, out } = await reconcile(services, watch);
  clearInterval(looks);
  const seconds = (performance.now() - startedMs) / 1_000;
  return { wrong: code === 0 ? undefined : `ops reconcile said:\n${out}`, peakMb, seconds };
}
