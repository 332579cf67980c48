import { setTimeout as sleep } from 'node:timers/promises';

const TIMEOUT_MS = 60_000;
const ANSWER_TIMEOUT_MS = 15_000;
const INTERVAL_MS = 50;
const NOBODY = '00000000-0000-4000-8000-000000000000';

/**
 * The gateway is ready as soon as it reaches one of its services, and connects to the other a moment later. Whoever was told
 * that all is up must not be answered with 503: this waits until both services answer through it.
 */
export async function untilServingAll(gatewayUrl: string): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (const path of [`/orders/${NOBODY}`, `/accounts/${NOBODY}`])
    while (!(await isAnswered(`${gatewayUrl}${path}`))) {
      if (Date.now() > deadline)
        throw new Error(`The gateway gave no answer to ${path} within ${TIMEOUT_MS / 1000} s.`);
      await sleep(INTERVAL_MS);
    }
}

async function isAnswered(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    await response.arrayBuffer();
    return response.status < 500;
  } catch {
    // Not even the gateway: it may be on its way down or up again.
    return false;
  }
}
