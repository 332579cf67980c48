-- The same file in every service's migrations (checked by a test): the shared outbox and inbox read and write these tables.

-- Events that wait to be published. The relay reads in id order and deletes what Kafka has acknowledged.
create table outbox (
  id bigint generated always as identity primary key,
  event_id uuid not null,
  topic text not null,
  key text not null,
  payload bytea not null,
  created_at timestamptz not null default now()
);
-- A queue table is all churn: vacuum it by count and not by share, so that the index scan from the low-water mark stays short.
alter table outbox set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Events that were applied. data_hash is over the canonical decoded data, so the same fact under a new schema id is no other payload.
create table inbox (
  event_id uuid primary key,
  topic text not null,
  partition integer not null,
  record_offset bigint not null,
  data_hash bytea not null,
  received_at timestamptz not null default now()
);

-- Records that can never be applied as they are. They write no inbox row, so a redrive is not taken for a duplicate.
create table dead_letters (
  id bigint generated always as identity primary key,
  topic text not null,
  partition integer not null,
  record_offset bigint not null,
  key bytea,
  value bytea,
  headers jsonb not null,
  event_id uuid,
  why text not null,
  attempts integer not null default 1,
  state text not null default 'DEAD' check (state in ('DEAD', 'REDRIVEN', 'DISCARDED')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (topic, partition, record_offset)
);
