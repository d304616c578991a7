-- Every call that took effect here or never may, in the same transaction as the effect. The gtid
-- reads <log_id>.<epoch>.<sequence>.<tail>; its parts lead the key, so that one index serves both
-- uniqueness by (gtid, branch, op, seq) and removal below a mark.
CREATE TABLE settle_barrier (
  log_id   text        NOT NULL,
  epoch    bigint      NOT NULL,
  sequence bigint      NOT NULL,
  gtid     text        NOT NULL,
  branch   bigint      NOT NULL,  -- of a saga: the step
  op       text        NOT NULL CHECK (op IN ('action', 'compensate', 'try', 'confirm', 'cancel')),
  seq      smallint    NOT NULL DEFAULT 1,  -- of several barriers in one call; the SDK makes one
  reason   text        NOT NULL,  -- the call that put the row here; not op: op never ran and never can
  input    text,                  -- JSON, of actions and tries: what it was called with
  result   text,                  -- JSON: what it answered
  created  timestamptz NOT NULL DEFAULT now(),  -- for people only
  PRIMARY KEY (log_id, epoch, sequence, gtid, branch, op, seq)
) WITH (fillfactor = 80);  -- the result is put in by an update beside the row

-- Everything that a log began up to here, this included, has ended: no call of it takes effect any
-- more, and its rows may go. Never goes back.
CREATE TABLE settle_barrier_mark (
  log_id   text   NOT NULL PRIMARY KEY,
  epoch    bigint NOT NULL,
  sequence bigint NOT NULL
);
