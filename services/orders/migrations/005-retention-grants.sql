grant select, insert, update on retention to orders_service;
-- Resolved ones, after their time.
grant delete on dead_letters to orders_service;

grant select on retention to orders_ops;
