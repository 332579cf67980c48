import { problemTable, type ProblemCode } from '../middleware/problem-table.ts';
import type { Answer, Header, Reference } from './types.ts';

export const headers = {
  RequestId: { description: 'The id of this request, yours or a new one.', schema: { type: 'string' } },
  RetryAfter: { description: 'Seconds after which a repetition may succeed.', schema: { type: 'integer' } },
  Allow: { description: 'The methods that the path supports.', schema: { type: 'string' } },
  Location: { description: 'Where the new thing is.', schema: { type: 'string' } },
  PreferenceApplied: { description: 'The `wait` that was honoured, in seconds.', schema: { type: 'string' } },
} as const satisfies Readonly<Record<string, Header>>;

const headerRef = (name: keyof typeof headers): Reference => ({ $ref: `#/components/headers/${name}` });
const requestIdHeader = { 'X-Request-Id': headerRef('RequestId') };

export const locationHeader = { Location: headerRef('Location') };
export const preferenceAppliedHeader = { 'Preference-Applied': headerRef('PreferenceApplied') };

/** A success with its schema and one example. */
export function answer(
  description: string,
  content: { schema: string; example: unknown },
  extraHeaders: Readonly<Record<string, Header | Reference>> = {},
): Answer {
  return {
    description,
    headers: { ...requestIdHeader, ...extraHeaders },
    content: {
      'application/json': {
        schema: { $ref: `#/components/schemas/${content.schema}` },
        examples: { example: { value: content.example } },
      },
    },
  };
}

/** The answers of these codes, one for each HTTP status, with an example for each code. */
export function problems(codes: readonly ProblemCode[]): Record<string, Answer> {
  const byStatus = Map.groupBy(codes, (code) => problemTable[code].status);
  return Object.fromEntries([...byStatus].map(([status, group]) => [String(status), problem(group)]));
}

function problem(codes: readonly ProblemCode[]): Answer {
  const retries = codes.some((code) => problemTable[code].retryAfter !== undefined);
  return {
    description: codes.map((code) => `\`${code}\`: ${problemTable[code].title}.`).join(' '),
    headers: {
      ...requestIdHeader,
      ...(retries && { 'Retry-After': headerRef('RetryAfter') }),
      ...(codes.includes('METHOD_NOT_ALLOWED') && { Allow: headerRef('Allow') }),
    },
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem' },
        examples: Object.fromEntries(codes.map((code) => [code, { value: example(code) }])),
      },
    },
  };
}

function example(code: ProblemCode): Record<string, unknown> {
  const { status, title, detail } = problemTable[code];
  return {
    type: `urn:order-payments:problem:${code}`,
    title,
    status,
    code,
    detail: detail ?? `${title}.`,
    request_id: '0198c5a1-2b3c-7d4e-8f50-617283940505',
  };
}
