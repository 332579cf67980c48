import type { ProblemCode } from './middleware/problem-table.ts';

/** What a request carries through the middleware. */
export interface GatewayState {
  requestId: string;
  problemCode?: ProblemCode;
  orderId?: string;
}
