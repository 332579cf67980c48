import { isMap, isScalar, parseDocument, type Pair, type YAMLMap } from 'yaml';
import type { Schema } from './schemas.ts';

/** A value as values.yaml has it: a scalar, a list, or a map that the user fills. */
export interface Value {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly comment: string;
}

/** All values of the file, maps that are only a section opened. A merged section (<<) counts where it is written. */
export function readValues(text: string, schema: Schema): Value[] {
  const document = parseDocument(text);
  if (!isMap(document.contents)) throw new Error('values.yaml is no map.');
  return [...valuesOf(document.contents, [], schema)];
}

function* valuesOf(map: YAMLMap, path: readonly string[], schema: Schema): Generator<Value> {
  for (const [index, pair] of map.items.entries()) {
    const key = keyOf(pair);
    if (key === '<<') continue;
    const own = [...path, key];
    const isSection = isMap(pair.value) && isFixed(schemaAt(schema, own));
    if (isSection) yield* valuesOf(pair.value as YAMLMap, own, schema);
    else
      yield {
        path: own,
        value: (pair.value as { toJSON(): unknown } | null)?.toJSON() ?? null,
        comment: commentOf(pair, map, index),
      };
  }
}

function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : '';
}

/** The comment before a key; before the first key of a map the parser gives it to the map. */
function commentOf(pair: Pair, map: YAMLMap, index: number): string {
  const before = isScalar(pair.key) ? pair.key.commentBefore : undefined;
  return before ?? (index === 0 ? map.commentBefore : undefined) ?? '';
}

/** Whether the map is a section whose names are all in the schema, and not one that the user fills with own names. */
function isFixed(schema: Schema): boolean {
  const parts = [schema, ...((schema['allOf'] ?? []) as Schema[])];
  return parts.some(({ properties }) => properties !== undefined) && !('examples' in schema);
}

/** The part of the schema that is about the value, with references followed. Throws where there is none. */
export function schemaAt(root: Schema, path: readonly string[]): Schema {
  let current = resolve(root, root);
  for (const [depth, key] of path.entries()) {
    const next = propertyOf(root, current, key);
    if (next === undefined)
      throw new Error(`values.schema.json has nothing about ${path.slice(0, depth + 1).join('.')}.`);
    current = resolve(root, next);
  }
  return current;
}

function propertyOf(root: Schema, schema: Schema, key: string): Schema | undefined {
  const parts = [schema, ...((schema['allOf'] ?? []) as Schema[]).map((part) => resolve(root, part))];
  const found = parts.map(({ properties }) => properties?.[key]).find((property) => property !== undefined);
  if (found !== undefined) return found;
  const { additionalProperties } = schema;
  return typeof additionalProperties === 'object' ? additionalProperties : undefined;
}

/** The schema with what it refers to; keywords beside a reference win. */
function resolve(root: Schema, schema: Schema): Schema {
  const reference = schema['$ref'];
  if (typeof reference !== 'string') return schema;
  const name = reference.replace('#/$defs/', '');
  const target = (root['$defs'] as Record<string, Schema>)[name];
  if (target === undefined) throw new Error(`values.schema.json refers to ${reference}, which is not there.`);
  return { ...resolve(root, target), ...schema };
}

/** Another value that the schema allows: an example, or what follows from the type. */
export function anotherValue(root: Schema, { path, value }: Value): unknown {
  const schema = schemaAt(root, path);
  const all = [schema, ...((schema['allOf'] ?? []) as Schema[]).map((part) => resolve(root, part))];
  const choices = all.flatMap((part) => [
    ...((part['examples'] ?? []) as unknown[]),
    ...((part['enum'] ?? []) as unknown[]),
  ]);
  const other = choices.find((choice) => choice !== '' && JSON.stringify(choice) !== JSON.stringify(value));
  if (other !== undefined) return other;
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value + 1;
  throw new Error(`values.schema.json needs an example for ${path.join('.')}.`);
}

/** The value as a values file of its own. */
export function asFile(path: readonly string[], value: unknown): string {
  return JSON.stringify(path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value));
}
