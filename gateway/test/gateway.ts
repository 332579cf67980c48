import { createLogger } from '@order-payments/platform/logger.ts';
import { gatewayConfig } from '../src/config.ts';
import { startGateway, type Gateway } from '../src/gateway.ts';

// Port 1 is reserved and nobody listens there: what these tests ask must be answered without a service.
const unreachable = 'dns:///127.0.0.1:1';

export interface TestGateway extends Gateway {
  readonly url: string;
}

/** The real gateway in this process, on ports of its own, in front of services that cannot be reached. */
export async function startTestGateway(environment: Record<string, string> = {}): Promise<TestGateway> {
  const stopping = new AbortController();
  const config = gatewayConfig.parse({
    HTTP_PORT: '0',
    METRICS_PORT: '0',
    ORDERS_GRPC_URL: unreachable,
    PAYMENTS_GRPC_URL: unreachable,
    HTTP_DRAIN_MS: '1',
    ...environment,
  });
  const logger = createLogger({ service: 'gateway', level: 'silent' });
  const gateway = await startGateway(config, { logger, stopping: stopping.signal });
  return {
    ...gateway,
    url: `http://127.0.0.1:${gateway.port}`,
    stop: async () => {
      stopping.abort();
      await gateway.stop();
    },
  };
}

export const userId = '0198c5a0-7f3e-7c55-9a31-2f1d8a4b6c01';
export const validOrder = { user_id: userId, amount: 600, description: 'Two books' };
