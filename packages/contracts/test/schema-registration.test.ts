import { beforeAll, describe, expect, test } from '@jest/globals';
import { freePort, infrastructure } from '@order-payments/local/test-kit/infrastructure.ts';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { registerSchema, waitForRegistry } from '../src/schema-registration.ts';
import { allSchemas, orderCreatedSchema, type AvroSchema } from '../src/schemas.ts';

type Field = { name: string; type: unknown; default?: unknown };
type RecordSchema = { type: 'record'; namespace: string; name: string; fields: Field[] };

let url: string;
beforeAll(async () => {
  url = (await infrastructure()).schemaRegistryUrl;
});

/** OrderCreated under a subject of this test's own, so that the run's registry keeps its subjects. */
function privateCopy(): RecordSchema {
  const record = JSON.parse(orderCreatedSchema.text) as RecordSchema;
  return { ...record, namespace: `test.n${randomBytes(6).toString('hex')}` };
}

const schemaOf = (record: RecordSchema): AvroSchema => ({
  subject: `${record.namespace}.${record.name}`,
  text: JSON.stringify(record),
});
const withFields = (record: RecordSchema, change: (fields: Field[]) => Field[]): AvroSchema =>
  schemaOf({ ...record, fields: change(record.fields) });
const note = (type: string, standard: unknown): Field => ({ name: 'note', type, default: standard });

async function ask(path: string): Promise<unknown> {
  return (await fetch(`${url}${path}`)).json();
}

describe('registering a schema', () => {
  test('again gives the same id and no new version, also when only its layout changed', async () => {
    const record = privateCopy();
    const schema = schemaOf(record);
    const id = await registerSchema(url, schema);
    expect(await registerSchema(url, schema)).toBe(id);
    expect(await registerSchema(url, { ...schema, text: JSON.stringify(record, null, 4) })).toBe(id);
    expect(await ask(`/subjects/${schema.subject}/versions`)).toEqual([1]);
    expect(await ask(`/config/${schema.subject}`)).toEqual({ compatibilityLevel: 'FULL_TRANSITIVE' });
  });

  test('by two at once makes one version', async () => {
    // Several times, because they meet in different places.
    for (let round = 0; round < 10; round += 1) {
      const schema = schemaOf(privateCopy());
      const ids = await Promise.all([registerSchema(url, schema), registerSchema(url, schema)]);
      expect(new Set(ids).size).toBe(1);
      expect(await ask(`/subjects/${schema.subject}/versions`)).toEqual([1]);
    }
  });

  test('is accepted when a new field has a default', async () => {
    const record = privateCopy();
    const first = await registerSchema(url, schemaOf(record));
    const second = await registerSchema(
      url,
      withFields(record, (fields) => [...fields, note('string', '')]),
    );
    expect(second).not.toBe(first);
    expect(await ask(`/subjects/${schemaOf(record).subject}/versions`)).toEqual([1, 2]);
  });

  test.each<[string, (fields: Field[]) => Field[]]>([
    ['a field is gone', (fields) => fields.slice(1)],
    ['a field changes its type', ([first, ...rest]) => [{ name: first?.name ?? '', type: 'long' }, ...rest]],
    ['a new field has no default', (fields) => [...fields, { name: 'note', type: 'string' }]],
    ['a field has another name', ([first, ...rest]) => [{ name: 'id', type: first?.type }, ...rest]],
  ])('is refused when %s, and changes nothing', async (_what, change) => {
    const record = privateCopy();
    await registerSchema(url, schemaOf(record));
    await expect(registerSchema(url, withFields(record, change))).rejects.toThrow(
      `refused ${schemaOf(record).subject} as incompatible with its earlier versions`,
    );
    expect(await ask(`/subjects/${schemaOf(record).subject}/versions`)).toEqual([1]);
  });

  test('is refused when only an older version than the last is in its way', async () => {
    const record = privateCopy();
    await registerSchema(
      url,
      withFields(record, (fields) => [...fields, note('string', '')]),
    );
    await registerSchema(url, schemaOf(record));
    const third = withFields(record, (fields) => [...fields, note('long', 0)]);
    await expect(registerSchema(url, third)).rejects.toThrow('incompatible');
  });
});

test('the step may run again: the ids stay', () => {
  const step = (): string =>
    execFileSync(process.execPath, [fileURLToPath(new URL('../src/register-schemas.ts', import.meta.url))], {
      env: { ...process.env, SCHEMA_REGISTRY_URL: url },
      encoding: 'utf8',
      timeout: 25_000,
    });
  const said = step();
  for (const { subject } of allSchemas) expect(said).toContain(`${subject} has id `);
  expect(step()).toBe(said);
});

test('a registry that does not answer is waited for, and then named', async () => {
  const sentences: string[] = [];
  const nobody = `127.0.0.1:${await freePort()}`;
  const waiting = waitForRegistry({
    url: `http://${nobody}`,
    timeoutMs: 300,
    pollMs: 50,
    report: (sentence) => sentences.push(sentence),
  });
  await expect(waiting).rejects.toThrow('The schema registry did not answer within 0.3 s: connect ECONNREFUSED');
  expect(sentences[0]).toBe(`Waiting for the schema registry: connect ECONNREFUSED ${nobody}.`);
});
