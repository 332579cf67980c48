import { Metadata } from '@grpc/grpc-js';
import { newUuid } from '@order-payments/kernel/uuid.ts';

// The id that the gateway gave a request, or took from its client, follows it into every service's logs.
const metadataKey = 'x-request-id';

/** 1 to 128 visible ASCII characters: what may go into a header and a log line as it is. */
export const requestIdPattern = /^[\x21-\x7e]{1,128}$/;

export function toMetadata(requestId: string): Metadata {
  const metadata = new Metadata();
  metadata.set(metadataKey, requestId);
  return metadata;
}

export function fromMetadata(metadata: Metadata): string {
  const value = metadata.get(metadataKey)[0];
  return typeof value === 'string' && requestIdPattern.test(value) ? value : newUuid();
}
