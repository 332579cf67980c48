import { z } from 'zod';

/** An id of a database's own rows: PostgreSQL's uuid text is lower case, as our ids are. */
export const id = <Id extends string>() => z.custom<Id>((value) => typeof value === 'string');

/** What decides whether a row is judged at all. */
export interface Ages {
  /** Younger rows are in flight. */
  readonly settleWithinSeconds: number;
  /** Since when the inbox that should know of it remembers every event; null where it never forgot one. ISO 8601. */
  readonly rememberedSince: string | null;
}
