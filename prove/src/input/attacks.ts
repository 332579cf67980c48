import type { Attack } from './attack.ts';
import { mutatedCalls } from './grpc/mutated-calls.ts';
import { idleSockets } from './http/idle-sockets.ts';
import { mutatedRequests } from './http/mutated-requests.ts';
import { keyStorms } from './key-storms.ts';
import { openApiRequests } from './openapi-requests.ts';
import { overload } from './overload/overload.ts';
import { poison } from './poison.ts';

/** In the order in which they run. */
export const attacks: readonly Attack[] = [
  openApiRequests,
  mutatedRequests,
  idleSockets,
  mutatedCalls,
  poison,
  keyStorms,
  overload,
];
