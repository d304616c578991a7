-- Locks that outlive a transaction: held by a saga or a global transaction until it ends. A row stays
-- when its lock is free, for the token never goes back.
CREATE TABLE settle_lock (
  name  TEXT    NOT NULL PRIMARY KEY,
  token INTEGER NOT NULL,  -- of the newest owner; one more for each
  owner TEXT               -- a gtid; null: free
) STRICT, WITHOUT ROWID;
CREATE INDEX settle_lock_owner ON settle_lock (owner) WHERE owner IS NOT NULL;

-- Counters that are reserved from before it is certain: what may come of it stays within the bounds.
CREATE TABLE settle_counter (
  name    TEXT    NOT NULL PRIMARY KEY,
  value   INTEGER NOT NULL,            -- confirmed
  taking  INTEGER NOT NULL DEFAULT 0,  -- reserved to be taken from it
  giving  INTEGER NOT NULL DEFAULT 0,  -- reserved to be added to it
  low     INTEGER NOT NULL,
  high    INTEGER NOT NULL,
  version INTEGER NOT NULL DEFAULT 0,  -- one more with every change
  CHECK (taking >= 0 AND giving >= 0),
  CHECK (value - taking >= low),
  CHECK (value + giving <= high)
) STRICT, WITHOUT ROWID;

-- What is reserved and neither confirmed nor cancelled.
CREATE TABLE settle_reservation (
  gtid    TEXT    NOT NULL,
  branch  INTEGER NOT NULL,  -- of a saga: the step
  counter TEXT    NOT NULL,
  amount  INTEGER NOT NULL,  -- negative: to be taken
  PRIMARY KEY (gtid, branch, counter)
) STRICT, WITHOUT ROWID;
