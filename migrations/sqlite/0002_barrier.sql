-- Every call that took effect here or never may, in the same transaction as the effect. The gtid
-- reads <log_id>.<epoch>.<sequence>.<tail>; its parts lead the key, so that one index serves both
-- uniqueness by (gtid, branch, op, seq) and removal below a mark.
CREATE TABLE settle_barrier (
  log_id   TEXT    NOT NULL,
  epoch    INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  gtid     TEXT    NOT NULL,
  branch   INTEGER NOT NULL,  -- of a saga: the step
  op       TEXT    NOT NULL CHECK (op IN ('action', 'compensate', 'try', 'confirm', 'cancel')),
  seq      INTEGER NOT NULL DEFAULT 1,  -- of several barriers in one call; the SDK makes one
  reason   TEXT    NOT NULL,  -- the call that put the row here; not op: op never ran and never can
  input    TEXT,              -- JSON, of actions and tries: what it was called with
  result   TEXT,              -- JSON: what it answered
  created  TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),  -- for people only
  PRIMARY KEY (log_id, epoch, sequence, gtid, branch, op, seq)
) STRICT, WITHOUT ROWID;

-- Everything that a log began up to here, this included, has ended: no call of it takes effect any
-- more, and its rows may go. Never goes back.
CREATE TABLE settle_barrier_mark (
  log_id   TEXT    NOT NULL PRIMARY KEY,
  epoch    INTEGER NOT NULL,
  sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
