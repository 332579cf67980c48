import type { Client } from '@grpc/grpc-js';

export interface CallContext {
  readonly requestId: string;
}

export interface ServiceClient {
  /** Whether a connection is there, or can be had within the time. */
  isReachable(withinMs: number): Promise<boolean>;
  close(): void;
}

export async function isReachable(client: Client, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    client.waitForReady(Date.now() + withinMs, (error) => resolve(error === undefined || error === null));
  });
}
