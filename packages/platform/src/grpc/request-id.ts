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

/** One call may carry the requests of several clients: their ids then come in one value, with spaces between. */
export function joinRequestIds(requestIds: readonly string[]): string {
  return requestIds.join(' ');
}

const requestIdsMax = 100;

export function fromMetadata(metadata: Metadata): string {
  const value = metadata.get(metadataKey)[0];
  if (typeof value !== 'string') return newUuid();
  const requestIds = value.split(' ');
  const isFit = requestIds.length <= requestIdsMax && requestIds.every((id) => requestIdPattern.test(id));
  return isFit ? value : newUuid();
}
