import { freePort } from '@order-payments/local/ports.ts';
import { nodeStep } from '@order-payments/local/node-part.ts';
import type { Part } from '@order-payments/local/process/part.ts';
import type { Rig } from '../rig.ts';

export const STUBS = ['koa-stub', 'grpc-stub'] as const;

/** Puts the two processes of floor G beside the platform's, started like them; returns where the first one answers. */
export async function addStubs(rig: Rig): Promise<string> {
  const [httpPort, grpcPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${httpPort}`;
  await rig.platform.add(stub('grpc-stub', [grpcPort], async () => undefined));
  await rig.platform.add(
    stub('koa-stub', [httpPort, grpcPort], async () => {
      await (await fetch(`${url}/ready`)).arrayBuffer();
    }),
  );
  return url;
}

function stub(name: (typeof STUBS)[number], args: readonly number[], probe: () => Promise<void>): Part {
  const step = nodeStep({ name, entry: `bench/src/floors/${name}.ts`, after: [], env: {} });
  const command = async () => {
    const { args: entry, ...rest } = await step.command();
    return { ...rest, args: [...entry, ...args.map(String)] };
  };
  return { ...step, kind: 'service', command, probe };
}
