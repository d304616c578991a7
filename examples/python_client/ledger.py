"""A ledger in a SQLite file whose new entries can be prepared: a resource of one's own, in Python.

A prepared entry is a row of `staged`. The transaction that carries a decision out removes that row
and notes the outcome, so that "committed" and "rolled back" can be told apart whatever crashes.
Whoever else wants an entry's id is refused while its row is there. Nobody else writes to the file.
"""

import contextlib
import os
import sqlite3
import threading

from settle_wire.types.ttypes import BranchEnd, Vote

SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (id TEXT NOT NULL PRIMARY KEY, amount INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS staged (
  branch TEXT NOT NULL PRIMARY KEY, id TEXT NOT NULL UNIQUE, amount INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS ended (
  branch TEXT NOT NULL PRIMARY KEY,
  outcome TEXT NOT NULL CHECK (outcome IN ('committed', 'aborted'))) STRICT;
CREATE TABLE IF NOT EXISTS identity (
  slot INTEGER PRIMARY KEY CHECK (slot = 1), id TEXT NOT NULL) STRICT;
INSERT OR IGNORE INTO identity VALUES (1, lower(hex(randomblob(16))));
"""


class Ledger:
    """Thread-safe. Functions raise sqlite3.Error; then nothing is known."""

    def __init__(self, name, path):
        self.name = name
        self._path = path
        self._mutex = threading.Lock()
        self._open = {}  # branch -> its work, which is lost with this process until it is prepared
        with self._transaction() as database:
            for statement in SCHEMA.split(";\n"):
                database.execute(statement)
            self.identity = self._identity(database)

    def open(self, branch, work):
        """`work` is (id, amount)."""
        with self._mutex:
            self._open[branch] = work

    def drop_open(self):
        with self._mutex:
            self._open.clear()

    # Prepare begins
    def prepare(self, branch):
        with self._mutex:
            work = self._open.pop(branch, None)
        with self._transaction() as database:
            if _one(database, "SELECT 1 FROM staged WHERE branch = ?", branch):
                return Vote.COMMIT, ""  # asked again
            if _one(database, "SELECT 1 FROM ended WHERE branch = ?", branch):
                return Vote.NO, "it has ended: an abort overtook this prepare"
            if work is None:
                return Vote.NO, "this process does not know the branch"
            entry, amount = work
            if _one(database, "SELECT 1 FROM entry WHERE id = ?", entry):
                return Vote.NO, f"there is an entry {entry} already"
            if _one(database, "SELECT 1 FROM staged WHERE id = ?", entry):
                return Vote.NO, f"another branch is about to write entry {entry}"
            database.execute("INSERT INTO staged VALUES (?, ?, ?)", (branch, entry, amount))
        # Only here, when the row is durable.
        return Vote.COMMIT, ""
    # Prepare ends

    # Finish begins
    def finish(self, branch, commit, evidence):
        with self._mutex:
            self._open.pop(branch, None)
        with self._transaction() as database:
            identity = self._identity(database)
            if evidence is not None and evidence.database not in ("", identity):
                return BranchEnd.RETRY, f"this is {identity}, it was in {evidence.database}"
            outcome = _one(database, "SELECT outcome FROM ended WHERE branch = ?", branch)
            if outcome:
                end = BranchEnd.COMMITTED if outcome == "committed" else BranchEnd.ABORTED
                return end, "there is a note of it"
            if commit and not _one(database, "SELECT 1 FROM staged WHERE branch = ?", branch):
                return BranchEnd.HAZARD, "neither prepared nor noted: somebody removed it"
            if commit:
                database.execute(
                    "INSERT INTO entry SELECT id, amount FROM staged WHERE branch = ?", (branch,))
            database.execute("DELETE FROM staged WHERE branch = ?", (branch,))
            # Also of an abort of what was never here, so that a late prepare is refused.
            database.execute("INSERT INTO ended VALUES (?, ?)",
                             (branch, "committed" if commit else "aborted"))
        return (BranchEnd.COMMITTED if commit else BranchEnd.ABORTED), ""
    # Finish ends

    def scan(self):
        with self._transaction() as database:
            return [row[0] for row in database.execute("SELECT branch FROM staged")]

    @contextlib.contextmanager
    def _transaction(self):
        """One durable local transaction: rolled back if an exception leaves it."""
        connection = sqlite3.connect(self._path, timeout=5, isolation_level=None)
        with contextlib.closing(connection) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.execute("BEGIN IMMEDIATE")
            yield database
            if database.in_transaction:
                database.execute("COMMIT")

    def _identity(self, database):
        """The file's id, and its inode, so that a copy of the file is another database."""
        return f"ledger:{_one(database, 'SELECT id FROM identity')}:{os.stat(self._path).st_ino}"


def _one(database, sql, *parameters):
    row = database.execute(sql, parameters).fetchone()
    return row[0] if row else None
