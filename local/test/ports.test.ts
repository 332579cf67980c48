import { createServer } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { checkPortsFree, ephemeralPorts, portsFromEnvironment } from '../src/ports.ts';

describe('the platform’s ports', () => {
  test('are the documented ones unless the environment says otherwise', () => {
    expect(portsFromEnvironment({ KAFKA_PORT: '19092' })).toMatchObject({ http: 8080, registry: 8081, kafka: 19092 });
  });

  test('are refused when they are no port numbers, or the same', () => {
    expect(() => portsFromEnvironment({ HTTP_PORT: 'http' })).toThrow('HTTP_PORT=http is not a port number.');
    expect(() => portsFromEnvironment({ HTTP_PORT: '9092' })).toThrow('HTTP_PORT and KAFKA_PORT are both 9092.');
  });

  test('that another program has are named with the variable that changes them', async () => {
    const ports = await ephemeralPorts();
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(ports.kafka, '127.0.0.1', resolve);
    });
    await expect(checkPortsFree(ports)).rejects.toThrow(
      `Port ${ports.kafka} is taken by another program: free it, or set KAFKA_PORT to another port.`,
    );
    await new Promise((resolve) => {
      server.close(resolve);
    });
    await expect(checkPortsFree(ports)).resolves.toBeUndefined();
  });
});
