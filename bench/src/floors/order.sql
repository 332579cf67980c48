-- F: one statement that inserts an order and an outbox row.
\set user random(1, :users)
\set amount random(1, 100)
with created as (
  insert into orders (id, user_id, amount, description, idempotency_key, created_at)
  values (uuidv7(), ('00000000-0000-4000-8000-' || lpad(to_hex(:user::int), 12, '0'))::uuid, :amount::bigint, 'an order of the benchmark',
    gen_random_uuid()::text, now())
  returning user_id
)
insert into outbox (event_id, topic, key, payload)
select gen_random_uuid(), 'orders.events', user_id::text, :payload::bytea from created;
