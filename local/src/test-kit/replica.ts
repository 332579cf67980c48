import { ordersPart, paymentsPart } from '../parts.ts';
import type { Surroundings } from '../parts.ts';
import { freePort } from '../ports.ts';
import type { Part } from '../process/part.ts';

const makePart = { orders: ordersPart, payments: paymentsPart };

/** One more process of a service, in the same consumer group, with ports of its own. */
export async function replicaPart(
  surroundings: Surroundings,
  service: 'orders' | 'payments',
  name: string,
): Promise<Part> {
  const [grpc, metrics] = [await freePort(), await freePort()];
  const ports = { ...surroundings.ports, [`${service}Grpc`]: grpc, [`${service}Metrics`]: metrics };
  return makePart[service]({ ...surroundings, ports }, name);
}
