-- Which ended transactions were pruned: in each epoch all sequences from first to last. A row grows with what is
-- pruned next to it. The crc is that of "epoch:first-last".
CREATE TABLE pruned (
  epoch INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last  INTEGER NOT NULL,
  crc   INTEGER NOT NULL,
  PRIMARY KEY (epoch, first)
) STRICT, WITHOUT ROWID;

-- Positions run from first_position now. The others count what the rows above name, by outcome.
INSERT INTO meta (name, value, crc) VALUES
  ('first_position', '1', 635129545),
  ('pruned', '0', 3229599354),
  ('pruned_committed', '0', 512934581),
  ('pruned_aborted', '0', 4273619943),
  ('pruned_heuristic', '0', 3398340435);
