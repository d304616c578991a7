-- What branches know as sites of quorum three-phase commit. Text is as quorum/record_columns.h writes
-- it. Written with the row in settle_prepared, and by small transactions of its own afterwards.
CREATE TABLE settle_three_phase (
  branch   TEXT    NOT NULL PRIMARY KEY,  -- settle:<gtid>:<number>, as in settle_prepared
  log_id   TEXT    NOT NULL,              -- of the gtid, with the next two
  epoch    INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  state    TEXT    NOT NULL,
  elected  TEXT    NOT NULL,  -- the last ballot that it joined: round.leader
  accepted TEXT    NOT NULL,  -- the last ballot whose attempt it accepted
  decided  TEXT    NOT NULL,  -- of a final state: the ballot that decided
  quorum   TEXT    NOT NULL,  -- and the sites that had accepted it
  roster   TEXT    NOT NULL,  -- every site: number=resource@addresses
  evidence TEXT    NOT NULL   -- of its vote: database, timeline, transaction
) STRICT, WITHOUT ROWID;

-- Removal below the mark of settle_barrier_mark, which holds for these rows too.
CREATE INDEX settle_three_phase_ended ON settle_three_phase (log_id, epoch, sequence);
