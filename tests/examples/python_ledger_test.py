"""The Python ledger by itself, as repeats, crashes and hands leave it."""

import os
import sqlite3
import tempfile
import unittest

from ledger import Ledger
from participant import Participant
from settle_wire.participant.ttypes import Command, CommandKind
from settle_wire.types.ttypes import BranchEnd, Evidence, ServiceError, Vote

LOG = "k3m9qxw4c7ab"
GTID = LOG + ".2.1.9f3c2a51"
BRANCH = f"settle:{GTID}:1"


class Prepared(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "a.db")
        self.ledger = Ledger("a", self.path)
        self.evidence = Evidence(self.ledger.identity, 0, "")

    def another(self):
        """As another process has it."""
        return Ledger("a", self.path)

    def prepare(self, branch=BRANCH, entry="17"):
        self.ledger.open(branch, (entry, 5))
        return self.ledger.prepare(branch)[0]

    def commit(self, ledger):
        return ledger.finish(BRANCH, True, self.evidence)[0]

    def query(self, sql):
        database = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(database.close)
        return database.execute(sql).fetchall()


class LedgerTest(Prepared):
    def test_P07_what_was_prepared_is_found_and_committed_by_another_process(self):
        self.assertEqual(self.prepare(), Vote.COMMIT)
        self.assertEqual(self.query("SELECT * FROM entry"), [])
        self.assertEqual(self.another().scan(), [BRANCH])
        self.assertEqual(self.commit(self.another()), BranchEnd.COMMITTED)
        self.assertEqual(self.query("SELECT * FROM entry"), [("17", 5)])
        self.assertEqual(self.another().scan(), [])

    def test_P03_a_repeated_command_has_the_same_answer_and_one_effect(self):
        self.prepare()
        self.assertEqual(self.ledger.prepare(BRANCH)[0], Vote.COMMIT)
        for _ in range(2):
            self.assertEqual(self.commit(self.ledger), BranchEnd.COMMITTED)
        self.assertEqual(self.query("SELECT * FROM entry"), [("17", 5)])

    def test_P02_a_prepare_that_an_abort_overtook_is_refused(self):
        self.assertEqual(self.another().finish(BRANCH, False, None)[0], BranchEnd.ABORTED)
        self.assertEqual(self.prepare(), Vote.NO)
        self.assertEqual(self.ledger.scan(), [])

    def test_P06_a_commit_of_what_somebody_removed_is_a_hazard(self):
        self.prepare()
        self.query("DELETE FROM staged")
        self.assertEqual(self.commit(self.ledger), BranchEnd.HAZARD)

    def test_P06_an_abort_of_what_was_committed_says_committed(self):
        self.prepare()
        self.commit(self.ledger)
        self.assertEqual(self.ledger.finish(BRANCH, False, self.evidence)[0], BranchEnd.COMMITTED)

    def test_P09_another_file_in_its_place_gives_no_verdict(self):
        self.prepare()
        elsewhere = Evidence("ledger:another", 0, "")
        self.assertEqual(self.ledger.finish(BRANCH, True, elsewhere)[0], BranchEnd.RETRY)
        self.assertEqual(self.ledger.scan(), [BRANCH])

    def test_an_entry_that_is_being_written_is_not_promised_twice(self):
        self.prepare()
        self.assertEqual(self.prepare(f"settle:{GTID}:2"), Vote.NO)

    def test_a_commit_that_cannot_be_carried_out_stays_prepared(self):
        self.prepare()
        self.query("INSERT INTO entry VALUES ('17', 1)")  # by somebody who writes past the ledger
        with self.assertRaises(sqlite3.IntegrityError):
            self.commit(self.ledger)
        self.assertEqual(self.ledger.scan(), [BRANCH])


class ParticipantTest(Prepared):
    def setUp(self):
        super().setUp()
        self.participant = Participant("127.0.0.1:1", "test", [self.ledger])
        self.participant._meet(LOG, 2)

    def carry_out(self, kind, epoch=2, gtid=GTID, resource="a"):
        self.participant._carry_out(Command(kind, gtid, 1, resource, 1, epoch, self.evidence))

    def test_refuses_commands_of_an_earlier_life_and_of_another_log(self):
        self.prepare()
        self.participant._meet(LOG, 3)
        self.carry_out(CommandKind.ABORT, epoch=2)
        self.carry_out(CommandKind.ABORT, epoch=3, gtid="another4c7ab" + GTID[12:])
        self.assertEqual(self.ledger.scan(), [BRANCH])
        self.assertEqual(self.participant._ends, [])

    def test_C15_does_not_serve_a_log_that_was_restored_from_an_older_copy(self):
        with self.assertRaises(ServiceError):
            self.participant._meet(LOG, 1)

    def test_says_that_nothing_is_known_when_the_database_fails(self):
        self.prepare()
        os.rename(self.path, self.path + ".away")
        os.mkdir(self.path)
        self.carry_out(CommandKind.COMMIT)
        self.assertEqual([end.became for end in self.participant._ends], [BranchEnd.RETRY])

    def test_votes_no_for_what_it_does_not_serve_or_know(self):
        self.carry_out(CommandKind.PREPARE, resource="b")
        self.carry_out(CommandKind.PREPARE)
        self.assertEqual([vote.vote.vote for vote in self.participant._votes], [Vote.NO, Vote.NO])

    def test_P02_a_prepare_that_overtook_its_work_stays_refused(self):
        self.participant._set_session("first")
        self.carry_out(CommandKind.PREPARE)
        self.assertTrue(self.participant.open(GTID, 1, "a", "first", ("17", 5)))
        self.carry_out(CommandKind.PREPARE)
        self.assertEqual([vote.vote.vote for vote in self.participant._votes], [Vote.NO, Vote.NO])
        self.assertEqual(self.ledger.scan(), [])

    def test_P12_work_of_a_lost_session_is_not_prepared(self):
        self.participant._set_session("first")
        self.assertTrue(self.participant.open(GTID, 1, "a", "first", ("17", 5)))
        self.participant._set_session("second")
        self.assertFalse(self.participant.open(GTID, 1, "a", "first", ("17", 5)))
        self.carry_out(CommandKind.PREPARE)
        self.assertEqual(self.participant._votes[0].vote.vote, Vote.NO)


if __name__ == "__main__":
    unittest.main()
