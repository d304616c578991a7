"""A participant in Python: it dials in, fetches commands, carries them out and reports.

    participant = Participant("127.0.0.1:7420", "shop", [Ledger("a", "a.db"), Ledger("b", "b.db")])
    participant.start()

One thread does everything on one connection, which is enough where a command takes milliseconds:
while it carries one out it does not fetch, and a session that has not been heard of for the session
time-out is taken for lost. With slow databases fetch on one connection, carry out on other threads,
report on a second one.
"""

import random
import threading
import time

from thrift.Thrift import TException

from coordinator import Connection, label, warn
from settle_wire.participant.ttypes import (
    AttachRequest, CommandKind, EndReport, FetchRequest, FoundBranch, ReportRequest, ResourceOffer,
    VoteReport)
from settle_wire.types.constants import PROTOCOL_VERSION
from settle_wire.types.ttypes import (
    BranchEnd, BranchVote, ErrorCode, Evidence, ServiceError, Vote)

SCAN_EVERY_S = 30.0
POLL_S = 1.0  # also how long a stop may take


def database_name(gtid, branch):
    """The name that a branch bears in a database; scans report it as it stands there."""
    return f"settle:{gtid}:{branch}"


class Participant:
    def __init__(self, address, application, resources):
        self._address = address
        self._application = application
        self._resources = {resource.name: resource for resource in resources}
        self._epochs = {}  # by log id: the highest epoch seen; no command of a lower one is obeyed
        self._log_id = ""
        self._received_through = 0
        self._next_scan = 0.0
        self._votes, self._ends, self._found = [], [], []  # waiting to be reported
        self._changed = threading.Condition()  # of what follows
        self._session = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        """Blocking. What was prepared stays so, for the next process that serves its resource."""
        self._stopping.set()
        self._thread.join()

    def session(self, timeout_s=10.0):
        """The current session, to enlist with. None if there is none in that time."""
        with self._changed:
            self._changed.wait_for(lambda: self._session is not None, timeout_s)
            return self._session

    def open(self, gtid, branch, resource, session, work):
        """Hands over the work of a branch that was enlisted under `session`, to be prepared when
        that is asked for. False: the session is lost; the coordinator aborts the transaction."""
        with self._changed:
            if session != self._session:
                return False
            self._resources[resource].open(database_name(gtid, branch), work)
            return True

    # --- on the thread

    def _run(self):
        connection = None
        pause_s = 0.05
        while not self._stopping.is_set():
            try:
                if connection is None:
                    connection = Connection(self._address, self._application, POLL_S + 5.0)
                    self._meet(connection.hello.log_id, connection.hello.epoch)
                if self._session is None:
                    self._attach(connection.participant)
                self._scan_if_due()
                self._report(connection.participant)
                self._fetch(connection.participant)
                pause_s = 0.05
                continue
            except ServiceError as error:
                if error.code == ErrorCode.NOT_FOUND:
                    self._set_session(None)  # lost: attach again, at once
                    continue
                warn(f"not served: {error.message}")
            except (TException, OSError, EOFError) as error:
                # The session outlives the connection, if the same life of the coordinator is there.
                warn(f"no connection to the coordinator: {error}")
                if connection is not None:
                    connection.close()
                connection = None
            self._stopping.wait(pause_s * random.uniform(0.8, 1.2))
            pause_s = min(2 * pause_s, 2.0)
        self._detach(connection)

    def _meet(self, log_id, epoch):
        highest = self._epochs.get(log_id, 0)
        if epoch < highest:
            raise ServiceError(
                ErrorCode.STALE_EPOCH, f"log {log_id} is at epoch {epoch}, and {highest} was seen: "
                "it was restored from an older copy, or an old coordinator still runs")
        if (log_id, epoch) != (self._log_id, highest):
            self._set_session(None)
        self._log_id, self._epochs[log_id] = log_id, epoch

    def _set_session(self, session):
        with self._changed:
            # Enlisted under an earlier session and not prepared: the coordinator has given it up.
            for resource in self._resources.values():
                resource.drop_open()
            self._session = session
            self._changed.notify_all()

    def _attach(self, wire):
        offers = [ResourceOffer(name, own.identity) for name, own in self._resources.items()]
        reply = wire.attach(AttachRequest(
            PROTOCOL_VERSION, PROTOCOL_VERSION, label(self._application), offers,
            self._epochs.get(self._log_id, 0), self._log_id))
        self._meet(reply.log_id, reply.epoch)
        self._received_through = 0
        self._next_scan = 0.0
        self._votes = []  # each belonged to the session that was asked for it
        self._set_session(reply.session)

    def _scan_if_due(self):
        if time.monotonic() < self._next_scan:
            return
        self._next_scan = time.monotonic() + SCAN_EVERY_S
        for name, resource in self._resources.items():
            try:
                self._found += [FoundBranch(name, branch) for branch in resource.scan()]
            except Exception as error:  # half a scan counts for nothing
                warn(f"{name} cannot be scanned: {error}")

    def _report(self, wire):
        """Repeated, after whatever went wrong, until it was heard: the same report twice is one."""
        if self._votes or self._ends or self._found:
            wire.report(ReportRequest(self._session, self._votes, self._ends, self._found))
            self._votes, self._ends, self._found = [], [], []

    def _fetch(self, wire):
        batch = wire.fetch(FetchRequest(
            self._session, self._received_through, 100, int(POLL_S * 1000)))
        # A batch whose acknowledgement was lost comes again: it has been carried out.
        if batch.number > self._received_through:
            for command in batch.commands:
                self._carry_out(command)
            self._received_through = batch.number

    def _carry_out(self, command):
        foreign = not command.gtid.startswith(self._log_id + ".")
        if foreign or command.epoch < self._epochs[self._log_id]:
            warn(f"refused a command for {command.gtid}: another log's, or of an earlier life")
            return
        name = database_name(command.gtid, command.branch)
        resource = self._resources.get(command.resource)
        if command.kind == CommandKind.PREPARE:
            vote, reason = self._prepare(resource, name)
            evidence = Evidence(resource.identity if resource else "", 0, "")
            self._votes.append(VoteReport(
                command.gtid, BranchVote(command.branch, vote, evidence, reason[:1000], False)))
        else:
            became, detail = self._finish(resource, name, command)
            self._ends.append(EndReport(command.gtid, command.branch, became, detail[:1000]))

    def _prepare(self, resource, name):
        if resource is None:
            return Vote.NO, "this process does not serve the resource"
        try:
            vote, reason = resource.prepare(name)
            if vote == Vote.NO:
                self._roll_back(resource, name)  # stays no, also if its work arrives only now
            return vote, reason
        except Exception as error:
            # Prepared or not: a no-vote is certain to end in abort, so it may be rolled back. What
            # cannot be reached now is found by a scan.
            self._roll_back(resource, name)
            return Vote.NO, f"prepare failed: {error}"

    @staticmethod
    def _roll_back(resource, name):
        try:
            resource.finish(name, commit=False, evidence=None)
        except Exception as error:
            warn(f"{name} is left to the next scan: {error}")

    @staticmethod
    def _finish(resource, name, command):
        # PROVE is asked only of who took commit_one_phase, which nothing here does.
        if resource is None or command.kind not in (CommandKind.COMMIT, CommandKind.ABORT):
            return BranchEnd.RETRY, "this process cannot do that"
        try:
            if command.prepared:  # a person decided of a branch of another log: that one, or none
                name = command.prepared
                if name not in resource.scan():
                    return BranchEnd.HAZARD, "it is not prepared here any more: not touched"
            return resource.finish(name, command.kind == CommandKind.COMMIT, command.evidence)
        except Exception as error:
            return BranchEnd.RETRY, str(error)  # nothing is known, so it is asked again

    def _detach(self, connection):
        if connection is None:
            return
        try:
            if self._session is not None:
                self._report(connection.participant)
                connection.participant.detach(self._session)
        except (TException, OSError, EOFError):
            pass  # the coordinator notices by itself, a session time-out later
        connection.close()
