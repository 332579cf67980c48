import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { AppError, type ErrorCode } from '@order-payments/kernel/errors.ts';
import { openApiDocument } from './document.ts';
import type { Operation, Parameter, Schema } from './types.ts';

// verbose gives the error the schema it broke, for messages that say what is expected. useDefaults fills in `limit`.
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, useDefaults: true, verbose: true });
ajvFormats.default(ajv);
// The whole document is one "schema", so that its references hold; to strict mode these of its keys are not unknown.
ajv.addVocabulary(Object.keys(openApiDocument));
// Compiled once, when the process starts: a request only runs the functions.
const documentId = 'openapi';
ajv.addSchema(openApiDocument, documentId);

/** Whether a value is what a schema of the document's components describes; tests check the answers with it. */
export function componentValidator(name: string): ValidateFunction {
  return ajv.compile({ $ref: `${documentId}#/components/schemas/${name}` });
}

export interface RequestValidator {
  readonly path: (values: Readonly<Record<string, unknown>>) => void;
  readonly query: (values: Readonly<Record<string, unknown>>) => void;
  readonly headers: (values: Readonly<Record<string, unknown>>) => void;
  /** Undefined when the operation takes no body. */
  readonly body: ((value: unknown) => void) | undefined;
  /** Query parameters that are integers, which a URL has as text. */
  readonly integers: ReadonlySet<string>;
  readonly headerNames: readonly string[];
}

/** Checks of the parts of a request; each throws AppError with the field at fault. */
export function requestValidator(operation: Operation): RequestValidator {
  const parameters = operation.parameters ?? [];
  const inQuery = parameters.filter((parameter) => parameter.in === 'query');
  const inHeader = parameters.filter((parameter) => parameter.in === 'header');
  const bodySchema = operation.requestBody?.content['application/json'].schema;
  return {
    path: checkParameters(parameters.filter((parameter) => parameter.in === 'path')),
    query: checkParameters(inQuery),
    headers: checkParameters(inHeader),
    body: bodySchema && check({ $ref: `${documentId}${bodySchema.$ref}` }, () => 'INVALID_FIELD', 'body'),
    integers: new Set(inQuery.filter(({ schema }) => schema['type'] === 'integer').map(({ name }) => name)),
    headerNames: inHeader.map(({ name }) => name),
  };
}

function checkParameters(parameters: readonly Parameter[]): (values: unknown) => void {
  const schema = {
    type: 'object',
    properties: Object.fromEntries(parameters.map((parameter) => [parameter.name, parameter.schema])),
    required: parameters.filter((parameter) => parameter.required).map((parameter) => parameter.name),
    additionalProperties: false,
  };
  return check(schema, codeOfParameter, 'request');
}

function codeOfParameter(name: string): ErrorCode {
  if (name === 'cursor') return 'INVALID_CURSOR';
  return name === 'Idempotency-Key' ? 'INVALID_IDEMPOTENCY_KEY' : 'INVALID_FIELD';
}

function check(schema: Schema, codeOf: (field: string) => ErrorCode, whole: string): (value: unknown) => void {
  const validate = ajv.compile(schema);
  return (value) => {
    if (validate(value)) return;
    const error = validate.errors?.[0];
    if (error === undefined) throw new TypeError('a failed validation has an error');
    const field = fieldOf(error) || whole;
    throw new AppError(codeOf(field), `${field} ${expectation(error)}`, { field });
  };
}

// An unknown field's name is the client's text, which may be as long as the body.
const fieldLengthMax = 100;

function fieldOf(error: ErrorObject): string {
  const parent = error.instancePath.slice(1).replaceAll('/', '.');
  const { missingProperty, additionalProperty } = error.params as Record<string, string | undefined>;
  const child = missingProperty ?? additionalProperty;
  return [parent, child].filter(Boolean).join('.').slice(0, fieldLengthMax).toWellFormed();
}

interface SimpleSchema {
  readonly type?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly enum?: readonly string[];
}

function expectation({ keyword, message, parentSchema = {} }: ErrorObject): string {
  const schema = parentSchema as SimpleSchema;
  if (keyword === 'required') return 'is missing';
  if (keyword === 'additionalProperties') return 'is not a known field';
  if (keyword === 'type' && schema.type === 'object') return 'must be a JSON object';
  if (schema.type === 'integer') return `must be an integer from ${schema.minimum} to ${schema.maximum}`;
  if (schema.format === 'uuid') return 'must be a UUID';
  if (schema.enum) return `must be one of ${schema.enum.join(', ')}`;
  if (schema.maxLength !== undefined) {
    const kind = keyword === 'pattern' ? ' of the allowed kind' : '';
    return `must be text of ${schema.minLength ?? 0} to ${schema.maxLength} characters${kind}`;
  }
  return message ?? 'is not valid';
}
