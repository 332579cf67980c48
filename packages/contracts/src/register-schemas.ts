// The deployment step that runs before new services: they look their schemas up and never register one.
import { registerSchema, waitForRegistry } from './schema-registration.ts';
import { allSchemas } from './schemas.ts';

const registryTimeoutMs = 120_000;
// The registry's client has no time-out of its own, so the step as a whole has one.
const stepTimeoutMs = 180_000;
const exitConfig = 78;

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`);
}

function endWith(code: number, sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(code);
}

const url = (process.env.SCHEMA_REGISTRY_URL ?? '').replace(/\/$/, '');
if (!/^https?:\/\//.test(url) || !URL.canParse(url))
  endWith(exitConfig, 'SCHEMA_REGISTRY_URL must be a URL such as http://registry:8081/apis/ccompat/v7.');

setTimeout(
  () => endWith(1, `The schemas were not registered within ${stepTimeoutMs / 1_000} s.`),
  stepTimeoutMs,
).unref();

try {
  await waitForRegistry({ url, timeoutMs: registryTimeoutMs, report: say });
  for (const schema of allSchemas) say(`${schema.subject} has id ${await registerSchema(url, schema)}.`);
} catch (error) {
  endWith(1, error instanceof Error ? error.message : String(error));
}
