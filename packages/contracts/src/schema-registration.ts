import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AvroSchema } from './schemas.ts';

/** Old consumers read new events and new consumers read every event that was ever published, in any order of upgrade. */
const compatibility = 'FULL_TRANSITIVE';
const requestTimeoutMs = 5_000;

type Report = (sentence: string) => void;

/** Returns when the registry answers. `url` is its Confluent-compatible base, such as http://host:8081/apis/ccompat/v7. */
export async function waitForRegistry({
  url,
  timeoutMs,
  report,
  pollMs = 1_000,
}: {
  url: string;
  timeoutMs: number;
  report: Report;
  pollMs?: number;
}): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs;
  for (let attempt = 1; ; attempt += 1) {
    const trouble = await troubleOf(url);
    if (trouble === undefined) return;
    if (Date.now() + pollMs > deadlineMs)
      throw new Error(`The schema registry did not answer within ${timeoutMs / 1_000} s: ${trouble}.`);
    if (attempt % 5 === 1) report(`Waiting for the schema registry: ${trouble}.`);
    await sleep(pollMs);
  }
}

/** The registry's id of the schema. The same schema again gives the same id and no new version. */
export async function registerSchema(url: string, schema: AvroSchema): Promise<number> {
  // First the rule, then the schema: no version of a subject is ever taken without a check.
  await setCompatibility(url, schema.subject);
  const registry = new SchemaRegistry({ host: url });
  try {
    const { id } = await registry.register(
      { type: SchemaType.AVRO, schema: schema.text },
      { subject: schema.subject, compatibility: COMPATIBILITY[compatibility] },
    );
    return id;
  } catch (error) {
    throw refusalOf(error, schema.subject);
  }
}

async function setCompatibility(url: string, subject: string): Promise<void> {
  const config = `${url}/config/${encodeURIComponent(subject)}`;
  const response = await fetch(config, {
    method: 'PUT',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ compatibility }),
    signal: AbortSignal.timeout(requestTimeoutMs),
  });
  if (response.ok) return;
  const refusal = await response.text();
  // Of two that set a subject's first rule at once, Apicurio refuses one: what counts is the rule that is there.
  const current = await fetch(config, { signal: AbortSignal.timeout(requestTimeoutMs) });
  if (!(await current.text()).includes(`"${compatibility}"`))
    throw new Error(`The schema registry refused ${compatibility} for ${subject}: ${refusal}`);
}

async function troubleOf(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(requestTimeoutMs) });
    await response.body?.cancel();
    return response.ok ? undefined : `it answers ${response.status}`;
  } catch (error) {
    // fetch says only "fetch failed". Its cause says more; where a name has several addresses, only by its code.
    const { message, cause } = error as { message: string; cause?: { message: string; code?: string } };
    return cause?.message || cause?.code || message;
  }
}

function refusalOf(error: unknown, subject: string): unknown {
  if (!(error instanceof Error && 'status' in error) || error.status !== 409) return error;
  return new Error(
    `The schema registry refused ${subject} as incompatible with its earlier versions (${compatibility}): ` +
      `add fields only with a default, remove only fields that had one, change no type. It says: ${error.message}`,
    { cause: error },
  );
}
