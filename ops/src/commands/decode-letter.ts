import { allSchemas } from '@order-payments/contracts/schemas.ts';
import type { Envelope } from '@order-payments/platform/kafka/envelope.ts';
import { createEventCodec } from '@order-payments/platform/kafka/event-codec.ts';
import { createLogger } from '@order-payments/platform/logger.ts';

/** The event in a letter's bytes, or why it cannot be read. */
export type LetterContent = { readonly event: Envelope } | { readonly why: string };

/** Reads with the schema that the registry has for the bytes; where it cannot be asked, the bytes stay bytes. */
export async function decodeLetter(registryUrl: string, value: Buffer | null): Promise<LetterContent> {
  const codec = createEventCodec({
    registryUrl,
    schemas: allSchemas,
    logger: createLogger({ service: 'ops', level: 'silent' }),
  });
  try {
    const decoded = await codec.decode(value);
    return decoded.kind === 'event' ? { event: decoded.envelope } : { why: decoded.why };
  } catch (error) {
    return { why: `${error instanceof Error ? error.message : String(error)} (${registryUrl}, SCHEMA_REGISTRY_URL)` };
  }
}
