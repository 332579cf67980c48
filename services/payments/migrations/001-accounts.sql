-- Amounts and balances are minor units, at most 2^53 - 1, so that every number is exact in every JSON client.

create table accounts (
  id uuid primary key,
  user_id uuid not null unique,
  balance bigint not null default 0 check (balance between 0 and 9007199254740991),
  -- Counts the account's transactions: each takes the next number, and a writer asserts the one it read.
  version bigint not null default 0 check (version >= 0),
  updated_at timestamptz(3) not null
)
-- Every settlement updates rows in place; room on the page keeps the update HOT, so no index is touched.
with (fillfactor = 70);

create table transactions (
  id uuid primary key,
  account_id uuid not null references accounts (id),
  account_version bigint not null check (account_version > 0),
  type text not null check (type in ('DEBIT', 'CREDIT')),
  amount bigint not null check (amount between 1 and 9007199254740991),
  reference_order_id uuid,
  idempotency_key text check (length(idempotency_key) between 1 and 255),
  balance_after bigint not null check (balance_after between 0 and 9007199254740991),
  created_at timestamptz(3) not null,
  -- The statement is read in this order and not by id: ids are minted by several processes before the row lock is
  -- taken, so their times may disagree with the balances. The version is given under the lock, so newest first always
  -- shows balances that chain, and two writers can never take the same step.
  unique (account_id, account_version),
  check ((type = 'DEBIT') = (reference_order_id is not null)),
  check (type = 'CREDIT' or idempotency_key is null)
);
create unique index transactions_one_debit_an_order on transactions (reference_order_id) where type = 'DEBIT';
create unique index transactions_idempotency_key on transactions (account_id, idempotency_key) where idempotency_key is not null;

-- What was decided on each order, for ever: the wall against a second debit, whatever happens to the inbox.
create table payments (
  order_id uuid primary key,
  user_id uuid not null,
  amount bigint not null check (amount between 1 and 9007199254740991),
  status text not null check (status in ('SUCCEEDED', 'FAILED')),
  reason text check (reason in ('INSUFFICIENT_FUNDS', 'ACCOUNT_NOT_FOUND')),
  created_at timestamptz(3) not null,
  check ((status = 'FAILED') = (reason is not null))
);
