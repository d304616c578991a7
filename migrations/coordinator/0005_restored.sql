-- Each time that the log was restored from a copy: `epoch` is the last one before the life that began then. From
-- epoch lost_from on, what is not in the log may have been decided all the same, in records that were lost; null:
-- whoever restored it said that nothing was lost. taken is when the backup was made, null of a copy that does not say.
-- The crc is that of "epoch:lost_from:taken:restored:operator:reason", null being "-".
CREATE TABLE restored (
  epoch     INTEGER NOT NULL PRIMARY KEY,
  lost_from INTEGER,
  taken     INTEGER,
  restored  INTEGER NOT NULL,
  operator  TEXT NOT NULL,
  reason    TEXT NOT NULL,
  crc       INTEGER NOT NULL
) STRICT;

-- How many rows it has.
INSERT INTO meta (name, value, crc) VALUES ('restored', '0', 1218283916);
