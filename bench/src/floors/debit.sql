-- R: what the settling of one order writes, in one statement: the inbox row, the balance, the debit, the payment, the event.
\set user random(1, :users)
\set amount random(1, 100)
with received as (
  insert into inbox (event_id, topic, partition, record_offset, data_hash)
  values (gen_random_uuid(), 'orders.events', 0, 1, decode(repeat('ab', 32), 'hex'))
  on conflict do nothing
  returning event_id
), account as (
  update accounts set balance = balance - :amount::bigint, version = version + 1, updated_at = now()
  where user_id = ('00000000-0000-4000-8000-' || lpad(to_hex(:user::int), 12, '0'))::uuid and balance >= :amount::bigint
    and exists (select from received)
  returning id, user_id, version, balance
), payment as (
  insert into payments (order_id, user_id, amount, status, created_at)
  select uuidv7(), user_id, :amount::bigint, 'SUCCEEDED', now() from account
  returning order_id
), debit as (
  insert into transactions
    (id, account_id, account_version, type, amount, reference_order_id, balance_after, created_at)
  select uuidv7(), account.id, version, 'DEBIT', :amount::bigint, order_id, balance, now() from account, payment
)
insert into outbox (event_id, topic, key, payload)
select gen_random_uuid(), 'payments.events', user_id::text, :payload::bytea from account;
