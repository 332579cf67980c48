import type { ProblemCode } from '../middleware/problem-table.ts';
import { problems } from './answers.ts';
import { parameters } from './parameters.ts';
import type { Answer, Operation, Parameter } from './types.ts';

// What any operation may answer, whatever it does.
const ofServer: readonly ProblemCode[] = [
  'MALFORMED_REQUEST',
  'ROUTE_NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'REQUEST_TIMEOUT',
  'EXPECTATION_FAILED',
  'HEADERS_TOO_LARGE',
  'INTERNAL',
];
const ofService: readonly ProblemCode[] = [
  'NOT_ACCEPTABLE',
  'INVALID_FIELD',
  'OVERLOADED',
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
];
const withBody: readonly ProblemCode[] = ['MALFORMED_BODY', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'];

/** An operation of the API, with every answer that it can give. */
export function operation<Id extends string>(described: {
  id: Id;
  tag: string;
  summary: string;
  description: string;
  parameters?: readonly Parameter[];
  body?: { schema: string; examples: Readonly<Record<string, { summary?: string; value: unknown }>> };
  success: Readonly<Record<string, Answer>>;
  /** Whether a service is asked, which may be out of reach. */
  asksService: boolean;
  refusals: readonly ProblemCode[];
}): Operation & { readonly operationId: Id } {
  const { body } = described;
  return {
    operationId: described.id,
    tags: [described.tag],
    summary: described.summary,
    description: described.description,
    parameters: [...(described.parameters ?? []), parameters.requestId],
    ...(body && {
      requestBody: {
        required: true,
        content: {
          'application/json': { schema: { $ref: `#/components/schemas/${body.schema}` }, examples: body.examples },
        },
      },
    }),
    responses: {
      ...described.success,
      ...problems([
        ...described.refusals,
        ...(body ? withBody : []),
        ...(described.asksService ? ofService : []),
        ...ofServer,
      ]),
    },
  };
}
