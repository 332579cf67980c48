-- The same file in every service's migrations (checked by a test).

-- How far back the inbox and the resolved dead letters remember. The time is written before the first row goes, so that
-- whoever misses a row knows that it may have been pruned; the row is also what makes one process at a time prune.
--
-- The inbox has no index on received_at, because a pass reads the table once in its order on disk: 0.5 s for 10^6 rows with
-- nothing to prune, 2.6 us a row that goes. An index took 1.15 of the time and 1.22 of the WAL of every insert, and pruning
-- through it 7.6 us a row. A BRIN index costs nothing, but its ranges never shrink where pruned space is filled again.
create table retention (
  table_name text primary key,
  forgotten_before timestamptz not null,
  started_at timestamptz not null
);
