grant select, insert, update on retention to payments_service;
-- Resolved ones, after their time.
grant delete on dead_letters to payments_service;

grant select on retention to payments_ops;
