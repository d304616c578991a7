-- Which database this is. The id is made with the table and never changed.
CREATE TABLE settle_identity (
  slot INTEGER NOT NULL PRIMARY KEY CHECK (slot = 1),
  id   TEXT NOT NULL
) STRICT;
INSERT INTO settle_identity VALUES (1, lower(hex(randomblob(16))));

-- The prepared branch. One at a time: SQLite has one writer. The row decides after any crash: while
-- it is here, the branch is in doubt and the guard triggers refuse every other write.
CREATE TABLE settle_prepared (
  slot           INTEGER NOT NULL PRIMARY KEY CHECK (slot = 1),
  branch         TEXT NOT NULL,
  changeset      BLOB NOT NULL,     -- of SQLite's session extension
  checksum       TEXT NOT NULL,     -- of the changeset
  ops            INTEGER NOT NULL,  -- rows that the changeset inserts, updates or deletes
  schema_version INTEGER NOT NULL,  -- when it was taken
  definitions    TEXT NOT NULL,     -- a hash of the definitions of the tables that it changes
  prepared_at    TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))  -- for people only
) STRICT;

-- How branches ended, written in the transaction that ended them. Positions count up without a gap;
-- the oldest are pruned.
CREATE TABLE settle_outcome (
  position INTEGER PRIMARY KEY,
  branch   TEXT NOT NULL UNIQUE,
  outcome  TEXT NOT NULL CHECK (outcome IN ('committed', 'aborted'))
) STRICT;
