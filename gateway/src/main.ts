import { loadConfig } from '@order-payments/platform/config.ts';
import { runProcess } from '@order-payments/platform/lifecycle.ts';
import { createLogger } from '@order-payments/platform/logger.ts';
import { gatewayConfig } from './config.ts';
import { startGateway } from './gateway.ts';

const config = loadConfig(gatewayConfig);
const logger = createLogger({ service: 'gateway', level: config.LOG_LEVEL });

await runProcess({ logger }, async (lifecycle) => {
  const gateway = await startGateway(config, { logger, stopping: lifecycle.stopping });
  lifecycle.onStop('gateway', gateway.stop);
});
