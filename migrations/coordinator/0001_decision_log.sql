-- The log: never updated, positions 1, 2, 3 ... without a gap. log/record_codec.h has the payload's form.
CREATE TABLE record (
  position INTEGER PRIMARY KEY,
  payload  BLOB NOT NULL
) STRICT;

-- Where the newest end of a transaction is. Derived from record and written in the same transaction as it.
CREATE TABLE ended (
  epoch    INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  position INTEGER NOT NULL,
  outcome  INTEGER NOT NULL,
  PRIMARY KEY (epoch, sequence)
) STRICT, WITHOUT ROWID;

-- What is known of the log itself: log_id, epoch, tail. The crc is that of "name=value".
CREATE TABLE meta (
  name  TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL,
  crc   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
