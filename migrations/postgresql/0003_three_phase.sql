-- What branches know as sites of quorum three-phase commit, outside of their own transactions. Text
-- is as quorum/record_columns.h writes it. A row that is initial belongs to a branch that is being
-- prepared: it is as good as waiting once the branch is in pg_prepared_xacts, and never voted else.
CREATE TABLE settle_three_phase (
  branch   text   NOT NULL PRIMARY KEY,  -- settle:<gtid>:<number>, as in pg_prepared_xacts
  log_id   text   NOT NULL,              -- of the gtid, with the next two
  epoch    bigint NOT NULL,
  sequence bigint NOT NULL,
  state    text   NOT NULL,
  elected  text   NOT NULL,  -- the last ballot that it joined: round.leader
  accepted text   NOT NULL,  -- the last ballot whose attempt it accepted
  decided  text   NOT NULL,  -- of a final state: the ballot that decided
  quorum   text   NOT NULL,  -- and the sites that had accepted it
  roster   text   NOT NULL,  -- every site: number=resource@addresses
  evidence text   NOT NULL   -- of its vote: database, timeline, transaction
) WITH (fillfactor = 50);  -- changed in place, several times

-- Removal below the mark of settle_barrier_mark, which holds for these rows too.
CREATE INDEX settle_three_phase_ended ON settle_three_phase (log_id, epoch, sequence);
