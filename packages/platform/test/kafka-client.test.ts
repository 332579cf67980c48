import { expect, test } from '@jest/globals';
import { infrastructure } from '@order-payments/local/test-kit/infrastructure.ts';
import { createIdempotentProducer, createKafka } from '@order-payments/platform/kafka/client.ts';
import { createLogger } from '@order-payments/platform/logger.ts';

test('a connection on which nothing waits sets no timers', async () => {
  const { kafkaBrokers } = await infrastructure();
  const kafka = createKafka({
    clientId: 'idle',
    brokers: [kafkaBrokers],
    logger: createLogger({ service: 'test', level: 'silent' }),
  });
  const producer = createIdempotentProducer(kafka);
  const warnings: string[] = [];
  const onWarning = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', onWarning);
  const setTimer = globalThis.setTimeout;
  let timers = 0;
  try {
    await producer.connect();
    globalThis.setTimeout = Object.assign(
      (...args: Parameters<typeof setTimer>) => {
        timers += 1;
        return setTimer(...args);
      },
      { __promisify__: setTimer.__promisify__ },
    );
    await new Promise((resolve) => setTimer(resolve, 500));
  } finally {
    globalThis.setTimeout = setTimer;
    process.off('warning', onWarning);
    await producer.disconnect();
  }
  expect(timers).toBeLessThan(10);
  expect(warnings).not.toContain('TimeoutNegativeWarning');
});
