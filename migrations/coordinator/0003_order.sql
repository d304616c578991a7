-- A record that must stay when those beside it are pruned moves to a position behind all others. Its place in the order
-- of the log does not change: ordinal is the position that it was given first, null of a record that has not moved.
ALTER TABLE record ADD COLUMN ordinal INTEGER;
CREATE UNIQUE INDEX record_moved ON record (ordinal) WHERE ordinal IS NOT NULL;
