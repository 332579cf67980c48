import { createServer } from 'node:net';

/** The platform's ports: the environment variable that changes each, and its number otherwise. */
const PORTS = {
  http: ['HTTP_PORT', 8080],
  registry: ['REGISTRY_PORT', 8081],
  kafka: ['KAFKA_PORT', 9092],
  ordersDb: ['ORDERS_DB_PORT', 5433],
  paymentsDb: ['PAYMENTS_DB_PORT', 5434],
  ordersGrpc: ['ORDERS_GRPC_PORT', 50051],
  paymentsGrpc: ['PAYMENTS_GRPC_PORT', 50052],
  gatewayMetrics: ['GATEWAY_METRICS_PORT', 9101],
  ordersMetrics: ['ORDERS_METRICS_PORT', 9102],
  paymentsMetrics: ['PAYMENTS_METRICS_PORT', 9103],
  ordersRelayMetrics: ['ORDERS_RELAY_METRICS_PORT', 9104],
  paymentsRelayMetrics: ['PAYMENTS_RELAY_METRICS_PORT', 9105],
} as const satisfies Record<string, readonly [variable: string, number: number]>;

export type PortName = keyof typeof PORTS;
export type Ports = Readonly<Record<PortName, number>>;

const NAMES = Object.keys(PORTS) as PortName[];
const PORT_MAX = 65_535;

/** A sentence for each port that cannot be used. */
export class PortError extends Error {
  override readonly name = 'PortError';
}

export function portsFromEnvironment(env: NodeJS.ProcessEnv): Ports {
  const wrong: string[] = [];
  const ports = byName((name) => {
    const [variable, standard] = PORTS[name];
    const text = env[variable];
    const port = text === undefined || text === '' ? standard : Number(text);
    if (!Number.isInteger(port) || port < 1 || port > PORT_MAX) wrong.push(`${variable}=${text} is not a port number.`);
    return port;
  });
  for (const name of NAMES) {
    const twin = NAMES.find((other) => other !== name && ports[other] === ports[name]);
    if (twin !== undefined && NAMES.indexOf(twin) > NAMES.indexOf(name)) {
      wrong.push(`${PORTS[name][0]} and ${PORTS[twin][0]} are both ${ports[name]}.`);
    }
  }
  if (wrong.length > 0) throw new PortError(wrong.join('\n'));
  return ports;
}

export async function ephemeralPorts(): Promise<Ports> {
  const free = new Set<number>();
  while (free.size < NAMES.length) free.add(await freePort());
  const ports = [...free];
  return byName((name) => ports[NAMES.indexOf(name)] ?? 0);
}

/** Throws a PortError that names every port another program has. */
export async function checkPortsFree(ports: Ports): Promise<void> {
  const taken: string[] = [];
  for (const name of NAMES) {
    const [variable] = PORTS[name];
    if (!(await isFree(ports[name]))) {
      taken.push(`Port ${ports[name]} is taken by another program: free it, or set ${variable} to another port.`);
    }
  }
  if (taken.length > 0) throw new PortError(taken.join('\n'));
}

/**
 * Ports nobody listens on. Not the system's own choice: those ports serve outgoing connections too, and one of these
 * may take the port between our look and the start of whoever is to listen there.
 */
const PORT_RANGE = { first: 12_000, count: 18_000 };
const ATTEMPTS_MAX = 200;

export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const port = PORT_RANGE.first + Math.floor(Math.random() * PORT_RANGE.count);
    if (await isFree(port)) return port;
  }
  throw new Error('This machine has no free port.');
}

async function isFree(port: number): Promise<boolean> {
  try {
    const server = await listen(port);
    await new Promise((resolve) => {
      server.close(resolve);
    });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE' || code === 'EACCES') return false;
    throw error;
  }
}

async function listen(port: number): Promise<ReturnType<typeof createServer>> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  server.once('error', reject);
  server.listen({ port, host: '127.0.0.1' }, () => resolve(undefined));
  await promise;
  return server;
}

function byName(port: (name: PortName) => number): Ports {
  return Object.fromEntries(NAMES.map((name) => [name, port(name)])) as Ports;
}
