// What the relays of P9 do alike. Plain JavaScript that imports nothing of the platform; each peer brings its packages.
// run.mjs fill: makes the outbox and EVENTS rows in it. run.mjs relay: publishes them until it is killed.
export const settings = {
  databaseUrl: process.env.DATABASE_URL ?? '',
  brokers: (process.env.BROKERS ?? '').split(','),
  topic: process.env.TOPIC ?? '',
  events: Number(process.env.EVENTS ?? 1_000),
};

export const mode = process.argv[2];

/** The key of event n: as many users as the platform's own measure has. */
export const keyOf = `('00000000-0000-4000-8000-' || lpad(to_hex(n % 10000), 12, '0'))`;
/** 192 bytes, as long as the platform's events. */
export const payloadOf = `decode(repeat(md5(n::text), 12), 'hex')`;
