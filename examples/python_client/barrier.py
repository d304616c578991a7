"""What makes calls that come at least once, late, or out of order take effect once, in Python.

Notes each call in the same local transaction as its effect, in the tables that `settle barrier
install` makes: a row of an op whose reason is that op took effect; with another reason it never
did and never can. They are the rows that the SDK writes, so processes of both kinds can serve one
participant over one file.
"""

import contextlib
import json
import sqlite3

from settle_wire.participant.ttypes import ActionOp, AnswerKind

RESULT_MOST = 64 * 1024  # bytes


def done(result=None):
    return AnswerKind.DONE, json.dumps({} if result is None else result)


def failed(reason):
    """Definitively not, for a reason of the business. Of actions only."""
    return AnswerKind.FAILED, reason


def unknown(reason):
    return AnswerKind.UNKNOWN, reason


def suppressed(why):
    return AnswerKind.SUPPRESSED, why


class Barrier:
    """Thread-safe: each call has a connection of its own. Functions raise sqlite3.Error, and what
    the business raises; then nothing is known, and the call comes again."""

    def __init__(self, path):
        self._path = path
        with contextlib.closing(self._open()) as database:
            database.execute("SELECT reason, input, result FROM settle_barrier LIMIT 0")
            database.execute("SELECT epoch, sequence FROM settle_barrier_mark LIMIT 0")

    # Run begins
    def run(self, call, business):
        """The answer. "business(database, input, result)" runs in the transaction that notes the
        call; the input and the result are the action's, as far as anybody knows them."""
        with contextlib.closing(self._open()) as database:
            database.execute("BEGIN IMMEDIATE")
            # Leaving without COMMIT rolls everything back, the notes included.
            answer, keep = self._decide(database, call, business)
            if keep:
                database.execute("COMMIT")
            return answer

    def _decide(self, database, call, business):
        rows = _Rows(database, call.gtid, call.step)
        if rows.pruned():
            return suppressed("its saga ended long ago, and its notes are pruned"), False
        if call.op == ActionOp.FENCE:
            is_new = rows.insert("action", "fence")
            if rows.ran("action"):
                return (AnswerKind.DONE, rows.result("action")), False
            return suppressed("it never ran and never can"), is_new
        op = "action" if call.op == ActionOp.ACTION else "compensate"
        if op == "compensate":
            rows.insert("action", "compensate")  # the action must not run from now on
        is_new = rows.insert(op, op, call.input if op == "action" else None)
        if not rows.ran(op):
            return suppressed("its fence or its compensation was here first"), False
        if not is_new:
            return (AnswerKind.DONE, rows.result(op)), False
        given = [call.input, call.result]
        if op == "compensate":
            if not rows.ran("action"):
                rows.keep(op, "{}")
                return done(), True  # there is nothing to undo
            given = [call.input or rows.input("action"), call.result or rows.result("action")]
        kind, text = business(database, *(json.loads(text) if text else None for text in given))
        if kind == AnswerKind.DONE:
            if len(text.encode()) > RESULT_MOST:
                return unknown("its result is longer than 64 KiB"), False
            rows.keep(op, text)
        return (kind, text), kind == AnswerKind.DONE
    # Run ends

    def prune(self, log_id, epoch, sequence):
        """Forgets every saga that this log began up to there, this one included: all have ended."""
        with contextlib.closing(self._open()) as database:
            database.execute("BEGIN IMMEDIATE")
            known = database.execute("SELECT epoch, sequence FROM settle_barrier_mark"
                                     " WHERE log_id = ?", (log_id,)).fetchone()
            if known is None or known < (epoch, sequence):
                database.execute("INSERT OR REPLACE INTO settle_barrier_mark VALUES (?, ?, ?)",
                                 (log_id, epoch, sequence))
                database.execute(
                    "DELETE FROM settle_barrier WHERE log_id = ? AND (epoch, sequence) <= (?, ?)",
                    (log_id, epoch, sequence))
            database.execute("COMMIT")

    def _open(self):
        database = sqlite3.connect(self._path, timeout=10.0, isolation_level=None)
        database.execute("PRAGMA synchronous = FULL")  # "done" must survive a loss of power
        return database


class _Rows:
    """What is noted of one step."""

    def __init__(self, database, gtid, step):
        log_id, epoch, sequence, _ = gtid.split(".")
        self._database = database
        self._of_log = (log_id, int(epoch), int(sequence))
        self._key = (*self._of_log, gtid, step)

    def pruned(self):
        log_id, epoch, sequence = self._of_log
        return self._database.execute(
            "SELECT 1 FROM settle_barrier_mark WHERE log_id = ? AND (epoch, sequence) >= (?, ?)",
            (log_id, epoch, sequence)).fetchone() is not None

    def insert(self, op, reason, given=None):
        """Whether it was absent."""
        return self._database.execute(
            "INSERT OR IGNORE INTO settle_barrier"
            " (log_id, epoch, sequence, gtid, branch, op, reason, input)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*self._key, op, reason, given)).rowcount == 1

    def keep(self, op, result):
        self._database.execute(f"UPDATE settle_barrier SET result = ? WHERE {self._where()}",
                               (result, *self._key, op))

    def ran(self, op):
        return self._get("reason", op) == op

    def input(self, op):
        return self._get("input", op)

    def result(self, op):
        return self._get("result", op)

    def _get(self, column, op):
        return self._database.execute(
            f"SELECT {column} FROM settle_barrier WHERE {self._where()}",
            (*self._key, op)).fetchone()[0]

    @staticmethod
    def _where():
        return ("log_id = ? AND epoch = ? AND sequence = ? AND gtid = ? AND branch = ?"
                " AND op = ? AND seq = 1")
