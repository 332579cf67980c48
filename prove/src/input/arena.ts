import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { platformDirectory } from '@order-payments/local/directories.ts';
import { startPlatform } from '@order-payments/local/platform.ts';
import type { Platform, PlatformEvent } from '@order-payments/local/platform.ts';
import type { Wish } from '@order-payments/local/test-kit/client-with-history.ts';
import type { SuperuserClients } from '@order-payments/local/test-kit/money-state.ts';
import type { Operated } from '@order-payments/local/test-kit/run-ops.ts';
import { connectAsSuperuser, operated } from '../databases.ts';

/** One real platform, and what is known about it from outside. */
export interface Arena {
  readonly seed: number;
  /** The run of some twenty minutes or the one of a minute. */
  readonly isLong: boolean;
  readonly say: (message: string) => void;
  readonly directory: string;
  readonly url: string;
  readonly platform: Platform;
  readonly operated: Operated;
  /** Under the superuser, who sees everything. */
  readonly databases: SuperuserClients;
  /** What attacks asked for under keys of their own, to be judged at the end with the rest. */
  readonly history: Wish[];
  /** Processes that ended though nobody told them to. */
  readonly deaths: readonly string[];
  end(): Promise<void>;
}

export async function openArena(options: Pick<Arena, 'seed' | 'isLong' | 'say'>): Promise<Arena> {
  const deaths: string[] = [];
  const directory = join(platformDirectory, 'prove', 'input');
  const platform = await startPlatform({
    ports: 'ephemeral',
    directory,
    fresh: true,
    extraEnv: {
      LOG_LEVEL: 'error',
      // A record with an unknown schema holds its partition up for this long; 30 s of that would only be waiting.
      SCHEMA_PATIENCE_MS: '1000',
    },
    onEvent: (event) => tell(event, options.say, deaths),
  });
  const stage = {
    platform,
    databases: {
      orders: { port: platform.ports.ordersDb, name: 'orders' },
      payments: { port: platform.ports.paymentsDb, name: 'payments' },
    },
  };
  const [orders, payments] = await Promise.all([
    connectAsSuperuser(stage, 'orders'),
    connectAsSuperuser(stage, 'payments'),
  ]);
  return {
    ...options,
    directory,
    url: `http://127.0.0.1:${platform.ports.http}`,
    platform,
    operated: operated(stage),
    databases: {
      orders,
      payments,
      end: async () => {
        await Promise.all([orders.end(), payments.end()]);
      },
    },
    history: [],
    deaths,
    end: async () => {
      await Promise.allSettled([orders.end(), payments.end()]);
      await platform.stop();
      // The logs stay.
      for (const path of platform.dataDirectories) await rm(path, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function tell(event: PlatformEvent, say: (message: string) => void, deaths: string[]): void {
  if (event.type === 'progress') say(event.message);
  if (event.type !== 'died') return;
  deaths.push(`${event.part}: ${event.reason}`);
  say(`${event.part} died: ${event.reason}`);
}
