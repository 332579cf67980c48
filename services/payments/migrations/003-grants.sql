-- The roles are made by whoever provisions the database; here each gets what its process does and nothing else.
revoke create on schema public from public;
grant usage on schema public to payments_service, payments_relay, payments_ops;

-- History is only ever added to: no role but the owner can update or delete a transaction or a payment.
grant select, insert, update on accounts to payments_service;
grant select, insert on transactions, payments to payments_service;
grant select, insert on outbox to payments_service;
-- delete: an event that turns out a dead letter takes its inbox row back in the same transaction.
grant select, insert, delete on inbox to payments_service;
grant select, insert on dead_letters to payments_service;

grant select, delete on outbox to payments_relay;

-- A redrive appends the event to the outbox or discards it, and says so in the dead letter's state.
grant select on all tables in schema public to payments_ops;
grant insert on outbox to payments_ops;
grant update (state, attempts, updated_at) on dead_letters to payments_ops;
