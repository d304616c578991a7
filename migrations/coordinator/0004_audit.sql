-- The trail of what operators asked for and what came of it: numbers without a gap, never updated. A row that asks has
-- no `answers`; a row with the result names the row that asked. The crc is that of the row before it and of this row
-- (log/audit_table.h), so that one that is changed or taken out by hand is noticed.
CREATE TABLE audit (
  number        INTEGER PRIMARY KEY,
  at            INTEGER NOT NULL,
  answers       INTEGER,
  caller        TEXT NOT NULL,
  operator_name TEXT NOT NULL,
  action        TEXT NOT NULL,
  target        TEXT NOT NULL,
  reason        TEXT NOT NULL,
  result        TEXT NOT NULL,
  crc           INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX audit_answers ON audit (answers) WHERE answers IS NOT NULL;

-- Rows go from audit_first to audit_next - 1; older ones were pruned. audit_base is the crc of the last of those,
-- audit_last that of the newest row; 0 where there is none.
INSERT INTO meta (name, value, crc) VALUES
  ('audit_first', '1', 3649378710),
  ('audit_base', '0', 148177791),
  ('audit_next', '1', 930421524),
  ('audit_last', '0', 792439624);

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is only appended to: no row is changed'); END;
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE number = new.number)
BEGIN SELECT RAISE(ABORT, 'the audit trail is only appended to: no row is replaced'); END;
CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
WHEN old.number >= (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'audit_first')
BEGIN SELECT RAISE(ABORT, 'the audit trail is only appended to: no row that is kept is removed'); END;
