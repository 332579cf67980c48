-- The roles are made by whoever provisions the database; here each gets what its process does and nothing else.
revoke create on schema public from public;
grant usage on schema public to orders_service, orders_relay, orders_ops;

-- What was ordered never changes, and no role but the owner can delete an order.
grant select, insert, update (status, cancel_reason, settled_at, swept_at, sweep_count) on orders to orders_service;
-- select: the sweeper tells no event again that still waits here.
grant select, insert on outbox to orders_service;
-- delete: an event that turns out a dead letter takes its inbox row back in the same transaction.
grant select, insert, delete on inbox to orders_service;
grant select, insert on dead_letters to orders_service;

grant select, delete on outbox to orders_relay;

-- A redrive appends the event to the outbox or discards it, and says so in the dead letter's state.
grant select on all tables in schema public to orders_ops;
grant insert on outbox to orders_ops;
grant update (state, attempts, updated_at) on dead_letters to orders_ops;
