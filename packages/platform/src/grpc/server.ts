import {
  Server,
  ServerCredentials,
  type handleUnaryCall,
  type ServerOptions,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { AppError } from '@order-payments/kernel/errors.ts';
import { HealthImplementation } from 'grpc-health-check';
import { Histogram, type Registry } from 'prom-client';
import type { Logger } from '../logger.ts';
import type { Stoppable } from '../metrics.ts';
import { fromMetadata } from './request-id.ts';
import { toServiceError } from './status.ts';

/** What a handler knows of its call beside the request. */
export interface Call {
  readonly requestId: string;
  /** Epoch milliseconds; the client's deadline, or the server's limit where that comes first. */
  readonly deadlineMs: number;
}

export type UnaryHandler<Request, Response> = (request: Request, call: Call) => Promise<Response>;

// A client that sets no deadline, or a longer one, gets this.
const deadlineMaxMs = 30_000;
const callsMaxDefault = 2_000;
const messageBytesMax = 64 * 1024;
const connectionAgeMsDefault = 5 * 60_000;

export interface GrpcServer extends Stoppable {
  readonly port: number;
  /** What the health service answers: whether the process takes work. */
  setServing(serving: boolean): void;
}

/**
 * A server with its health and reflection services. A handler throws AppError for what it refuses;
 * any other error is a bug: it is logged here, once, and the caller is told INTERNAL and nothing more.
 */
export async function startGrpcServer(options: {
  host: string;
  port: number;
  services: ReadonlyArray<{ definition: ServiceDefinition; handlers: Record<string, UnaryHandler<never, unknown>> }>;
  descriptors: PackageDefinition;
  logger: Logger;
  registry: Registry;
  /** Calls that may wait for their answers; another is refused with OVERLOADED, so that work for callers long gone cannot pile up. Default: 2,000, which is a second of work. */
  callsMax?: number;
  /** How long a connection may last, so that scaling out spreads load: clients open it anew and find the new pods. Default: 5 minutes. */
  connectionAgeMs?: number;
  /** Instead of the defaults below, for tests. */
  channel?: ServerOptions;
}): Promise<GrpcServer> {
  const server = new Server({
    'grpc.max_receive_message_length': messageBytesMax,
    'grpc.max_connection_age_ms': options.connectionAgeMs ?? connectionAgeMsDefault,
    // A call may take deadlineMaxMs; the connection stays for it.
    'grpc.max_connection_age_grace_ms': deadlineMaxMs,
    ...options.channel,
  });
  const duration = new Histogram({
    name: 'grpc_server_duration_seconds',
    help: 'Time from receiving a call to answering it',
    labelNames: ['method', 'code'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [options.registry],
  });
  const load = { calls: 0, callsMax: options.callsMax ?? callsMaxDefault };
  for (const { definition, handlers } of options.services) {
    const implementation: UntypedServiceImplementation = {};
    for (const name of Object.keys(definition)) {
      const handler = handlers[name];
      if (handler === undefined) throw new TypeError(`no handler for ${name}`);
      implementation[name] = unary(name, handler as UnaryHandler<unknown, unknown>, {
        logger: options.logger,
        duration,
        load,
      });
    }
    server.addService(reportingUnreadable(definition), implementation);
  }
  const health = new HealthImplementation({ '': 'NOT_SERVING' });
  health.addToServer(server);
  new ReflectionService(options.descriptors).addToServer(server);
  const port = await bind(server, `${options.host}:${options.port}`);
  const setServing = (serving: boolean): void => health.setStatus('', serving ? 'SERVING' : 'NOT_SERVING');
  return {
    port,
    setServing,
    stop: async () => {
      setServing(false);
      await shutDown(server);
    },
  };
}

/** Stands for a request that is not well-formed protobuf, invalid UTF-8 included. */
class UnreadableRequest {
  readonly cause: unknown;
  constructor(cause: unknown) {
    this.cause = cause;
  }
}

/** grpc-js would answer INTERNAL, as if it were the server's fault. */
function reportingUnreadable(definition: ServiceDefinition): ServiceDefinition {
  const methods = Object.entries(definition).map(([name, method]) => {
    const requestDeserialize = (bytes: Buffer): unknown => {
      try {
        return method.requestDeserialize(bytes);
      } catch (error) {
        return new UnreadableRequest(error);
      }
    };
    return [name, { ...method, requestDeserialize }];
  });
  return Object.fromEntries(methods) as ServiceDefinition;
}

interface Load {
  calls: number;
  readonly callsMax: number;
}

async function handle(
  handler: UnaryHandler<unknown, unknown>,
  request: unknown,
  call: Call,
  load: Load,
): Promise<unknown> {
  if (request instanceof UnreadableRequest)
    throw new AppError('INVALID_FIELD', 'the request is not well-formed protobuf', {}, { cause: request.cause });
  if (load.calls >= load.callsMax) throw new AppError('OVERLOADED', 'too many calls wait');
  load.calls += 1;
  try {
    return await handler(request, call);
  } finally {
    load.calls -= 1;
  }
}

function unary(
  method: string,
  handler: UnaryHandler<unknown, unknown>,
  tools: { logger: Logger; duration: Histogram; load: Load },
): handleUnaryCall<unknown, unknown> {
  return (call, callback) => {
    const requestId = fromMetadata(call.metadata);
    const deadline = call.getDeadline();
    const startedMs = Date.now();
    const deadlineMs = Math.min(Number(deadline), startedMs + deadlineMaxMs);
    const answered = (code: string): void => {
      const durationMs = Date.now() - startedMs;
      tools.duration.observe({ method, code }, durationMs / 1000);
      tools.logger.info({ request_id: requestId, method, code, duration_ms: durationMs }, 'call answered');
    };
    handle(handler, call.request, { requestId, deadlineMs }, tools.load).then(
      (response) => {
        answered('OK');
        callback(null, response);
      },
      (error: unknown) => {
        const known = error instanceof AppError ? error : new AppError('INTERNAL', 'the service failed');
        if (known.code === 'INTERNAL') tools.logger.error({ err: error, request_id: requestId, method }, 'call failed');
        answered(known.code);
        callback(toServiceError(known));
      },
    );
  };
}

async function bind(server: Server, address: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve(port);
    });
  });
}

/** Takes no new call and waits for those in hand. */
async function shutDown(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    const force = setTimeout(() => server.forceShutdown(), 10_000);
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
  });
}
