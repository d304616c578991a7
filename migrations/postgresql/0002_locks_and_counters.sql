-- Locks that outlive a transaction: held by a saga or a global transaction until it ends. A row stays
-- when its lock is free, for the token never goes back.
CREATE TABLE settle_lock (
  name  text   NOT NULL PRIMARY KEY,
  token bigint NOT NULL,  -- of the newest owner; one more for each
  owner text              -- a gtid; null: free
);
CREATE INDEX settle_lock_owner ON settle_lock (owner) WHERE owner IS NOT NULL;

-- Counters that are reserved from before it is certain: what may come of it stays within the bounds.
CREATE TABLE settle_counter (
  name    text   NOT NULL PRIMARY KEY,
  value   bigint NOT NULL,            -- confirmed
  taking  bigint NOT NULL DEFAULT 0,  -- reserved to be taken from it
  giving  bigint NOT NULL DEFAULT 0,  -- reserved to be added to it
  low     bigint NOT NULL,
  high    bigint NOT NULL,
  version bigint NOT NULL DEFAULT 0,  -- one more with every change
  CHECK (taking >= 0 AND giving >= 0),
  CHECK (value - taking >= low),
  CHECK (value + giving <= high)
) WITH (fillfactor = 50);  -- changed in place, again and again

-- What is reserved and neither confirmed nor cancelled.
CREATE TABLE settle_reservation (
  gtid    text   NOT NULL,
  branch  bigint NOT NULL,  -- of a saga: the step
  counter text   NOT NULL,
  amount  bigint NOT NULL,  -- negative: to be taken
  PRIMARY KEY (gtid, branch, counter)
);
